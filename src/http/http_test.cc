#include "http/http.h"

#include <gtest/gtest.h>

namespace hostler::http {
namespace {

TEST(HeadersTest, NamesCompareWithoutCaseAndKeepTheirOrder) {
  Headers headers{{"A", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(headers.Get("a"), "1");
  EXPECT_EQ(headers.Count("A"), 2U);
  EXPECT_TRUE(headers.Has("B"));
  EXPECT_FALSE(headers.Has("c"));
  headers.Set("A", headers.Get("b"));  // views into the list itself
  EXPECT_EQ(headers.Get("a"), "2");
  EXPECT_EQ(headers.Count("a"), 1U);
  headers.Remove((*headers.begin()).name);
  EXPECT_FALSE(headers.Has("b"));
}

TEST(QueryTest, Splits) {
  const Query query("a=1&b=two%20words&c=x+y&&d&e=%zz&a=2&=v");
  EXPECT_EQ(query.Get("a"), "1");
  EXPECT_EQ(query.Get("b"), "two words");
  EXPECT_EQ(query.Get("c"), "x y");
  EXPECT_EQ(query.Get("d"), "");
  EXPECT_EQ(query.Get("e"), "%zz");
  EXPECT_EQ(query.Get("f"), std::nullopt);
  EXPECT_EQ(query.pairs().size(), 7U);
}

TEST(MethodTest, NamesAreCaseSensitive) {
  EXPECT_EQ(MethodFromName("GET"), Method::kGet);
  EXPECT_EQ(MethodFromName("get"), Method::kOther);
  EXPECT_EQ(MethodName(Method::kDelete), "DELETE");
}

TEST(MediaTypeTest, DropsParametersAndCase) {
  EXPECT_EQ(MediaType("Text/Event-Stream; charset=utf-8"), "text/event-stream");
  EXPECT_EQ(MediaType(""), "");
}

}  // namespace
}  // namespace hostler::http

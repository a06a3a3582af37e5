#include "references/references.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/testing/temp_folder.h"
#include "references/migrations.h"

namespace hostler::references {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ReferencesTest : public testing::Test {
 protected:
  ReferencesTest() { EXPECT_TRUE(database_.Open({kMigrations})); }

  const os::TempFolder folder_;
  db::Database database_{folder_.path() / "hostler.db"};
  References references_{database_};
  const Reference docs_{"semantik", Kind::kCollection, "docs", "BAAI/bge-m3"};
  const Reference mail_{"semantik", Kind::kCollection, "mail", "BAAI/bge-m3"};
  const Reference chat_{"semantik", Kind::kLlmConfig, "docs", "Qwen/Qwen2.5-3B-Instruct"};
  const Reference mine_{"notes", Kind::kPreference, "default", "BAAI/bge-m3"};
};

TEST_F(ReferencesTest, KnowsWhoWouldMissAModel) {
  for (const Reference& reference : {mail_, docs_, chat_, mine_}) ASSERT_TRUE(references_.Put(reference));
  EXPECT_THAT(references_.Of("BAAI/bge-m3").value(), ElementsAre(mine_, docs_, mail_));
  EXPECT_THAT(references_.Of("nobody/knows").value(), IsEmpty());
  EXPECT_THAT(references_.List("semantik").value(), ElementsAre(docs_, mail_, chat_));
  EXPECT_THAT(references_.List(std::nullopt).value(), ElementsAre(mine_, docs_, mail_, chat_));
  const auto by_model = references_.ByModel().value();
  ASSERT_EQ(by_model.size(), 2U);
  EXPECT_THAT(by_model.at("BAAI/bge-m3"), ElementsAre(mine_, docs_, mail_));
  EXPECT_THAT(by_model.at("Qwen/Qwen2.5-3B-Instruct"), ElementsAre(chat_));
}

TEST_F(ReferencesTest, PutReplaces) {
  ASSERT_TRUE(references_.Put(docs_));
  ASSERT_TRUE(references_.Put(docs_));
  Reference moved = docs_;
  moved.model_id = "other";
  ASSERT_TRUE(references_.Put(moved));
  EXPECT_THAT(references_.List(std::nullopt).value(), ElementsAre(moved));
}

TEST_F(ReferencesTest, DropsWhatIsNamed) {
  for (const Reference& reference : {mail_, docs_, chat_, mine_}) ASSERT_TRUE(references_.Put(reference));
  EXPECT_EQ(references_.Drop("semantik", Kind::kCollection, "mail").value(), 1U);
  EXPECT_EQ(references_.Drop("semantik", Kind::kCollection, "mail").value(), 0U);
  EXPECT_EQ(references_.Drop("semantik", std::nullopt, "docs").value(), 2U);
  ASSERT_TRUE(references_.Put(docs_));
  ASSERT_TRUE(references_.Put(chat_));
  EXPECT_EQ(references_.Drop("semantik", Kind::kLlmConfig, std::nullopt).value(), 1U);
  EXPECT_EQ(references_.Drop("semantik", std::nullopt, std::nullopt).value(), 1U);
  EXPECT_THAT(references_.List(std::nullopt).value(), ElementsAre(mine_));
}

TEST_F(ReferencesTest, RefusesWhatCannotBeShown) {
  const auto field = [&](auto change) {
    Reference reference = docs_;
    change(reference);
    const Result<> put = references_.Put(reference);
    EXPECT_FALSE(put);
    if (put) return std::string("it was taken");
    EXPECT_EQ(put.error().code, Code::kInvalid);
    EXPECT_FALSE(put.error().remedy.empty());
    return put.error().field;
  };
  EXPECT_EQ(field([](Reference& r) { r.holder = ""; }), "holder");
  EXPECT_EQ(field([](Reference& r) { r.holder = " \t"; }), "holder");
  EXPECT_EQ(field([](Reference& r) { r.name = std::string(201, 'x'); }), "name");
  EXPECT_EQ(field([](Reference& r) { r.name = "a\nb"; }), "name");
  EXPECT_EQ(field([](Reference& r) { r.name = std::string("a\0b", 3); }), "name");
  EXPECT_EQ(field([](Reference& r) { r.model_id = "\xff"; }), "model_id");
  EXPECT_EQ(references_.Drop("", std::nullopt, std::nullopt).error().field, "holder");
  EXPECT_EQ(references_.Drop("x", std::nullopt, "").error().field, "name");
  EXPECT_EQ(references_.List("").error().field, "holder");
  EXPECT_THAT(references_.List(std::nullopt).value(), IsEmpty());
}

TEST_F(ReferencesTest, IdsMayBeAnythingThatCanBeRead) {
  std::string long_name;
  for (int i = 0; i < 200; ++i) long_name += "ü";
  for (const std::string& id : {std::string("it's \"; DROP TABLE x; --"), long_name, std::string("?1 % _ /../ 模型")}) {
    ASSERT_TRUE(references_.Put({id, Kind::kCollection, id, id})) << id;
    EXPECT_THAT(references_.Of(id).value(), ElementsAre(Reference{id, Kind::kCollection, id, id}));
    EXPECT_EQ(references_.Drop(id, std::nullopt, std::nullopt).value(), 1U);
  }
}

TEST(UnopenedReferencesTest, SaysWhy) {
  db::Database database("/nonexistent/hostler.db");
  References references(database);
  EXPECT_EQ(references.List(std::nullopt).error().code, Code::kUnavailable);
  EXPECT_EQ(references.Put({"a", Kind::kCollection, "b", "c"}).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace hostler::references

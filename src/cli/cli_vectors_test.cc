// `hostler embed` and `hostler rerank`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/testing/fake_daemon.h"

namespace hostler::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

http::Handler Answer(std::string body) {
  return [body = std::move(body)](http::Exchange& exchange) -> Task<> {
    std::string copy = body;
    co_await exchange.Send(http::JsonResponse(std::move(copy)));
  };
}

TEST(Embed, PrintsAVectorOnALine) {
  World world;
  world.daemon.Handle("POST /v1/embeddings", Answer(R"({"data":[{"embedding":[0.25,-1]},{"embedding":[0.5,0]}],"model":"m"})"));
  EXPECT_EQ(world.Run({"embed", "a", "b", "--model", "m", "--input-type", "query", "--dimensions", "2"}), 0) << world.err;
  EXPECT_EQ(world.out, "[0.25,-1]\n[0.5,0]\n");
  EXPECT_EQ(world.daemon.received()[0].body, R"({"model":"m","input":["a","b"],"input_type":"query","dimensions":2})");
  EXPECT_EQ(world.Run({"embed", "a", "--json"}), 0);
  EXPECT_THAT(world.out, HasSubstr(R"("model":"m")"));
}

TEST(Embed, ReadsLines) {
  World world;
  world.daemon.Handle("POST /v1/embeddings", Answer(R"({"data":[{"embedding":[1]}]})"));
  EXPECT_EQ(world.Run({"embed", "-"}), 0) << world.err;
  EXPECT_EQ(world.daemon.received()[0].body, R"({"input":["from standard input"]})");
}

TEST(Embed, PrintsSparseVectorsHeaviestFirst) {
  World world;
  world.daemon.Handle("POST /v1/sparse-embeddings",
                      Answer(R"({"data":[{"indices":[1,2,3],"values":[0.5,2,1],"tokens":["dog","cat","##s"]}]})"));
  EXPECT_EQ(world.Run({"embed", "--sparse", "cats"}), 0) << world.err;
  EXPECT_EQ(world.out, "cat 2.00  ##s 1.00  dog 0.50\n");
  EXPECT_EQ(world.Run({"embed", "--sparse", "--dimensions", "3", "cats"}), 2);
  EXPECT_EQ(world.Run({"embed"}), 2);
}

TEST(Rerank, PrintsTheBestFirst) {
  World world;
  world.daemon.Handle("POST /v1/rerank",
                      Answer(R"({"results":[{"index":1,"relevance_score":0.9},{"index":0,"relevance_score":0.125}]})"));
  EXPECT_EQ(world.Run({"rerank", "q", "first", "second", "--top", "2"}), 0) << world.err;
  EXPECT_THAT(world.out, HasSubstr("0.9000  second"));
  EXPECT_LT(world.out.find("second"), world.out.find("first"));
  EXPECT_EQ(world.daemon.received()[0].body, R"({"query":"q","documents":["first","second"],"top_n":2})");
  EXPECT_EQ(world.Run({"rerank", "q"}), 2);
}

}  // namespace
}  // namespace hostler::cli

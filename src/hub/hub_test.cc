#include "hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <future>
#include <mutex>

#include <boost/asio/use_future.hpp>

#include "http/server.h"

namespace hostler::hub {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kCommit(40, 'a');
const std::string kBlob(40, 'b');
const std::string kSha(64, 'c');

// ---- reading ----

TEST(HubSettingsTest, TheEnvironmentIsReadAsPythonDoes) {
  const Settings plain = FromEnvironment({{"HOME", "/home/you"}});
  EXPECT_EQ(plain.endpoint, "https://huggingface.co");
  EXPECT_EQ(plain.token_file, "/home/you/.cache/huggingface/token");
  EXPECT_FALSE(plain.offline);
  const Settings set = FromEnvironment({{"HF_ENDPOINT", "http://mirror/x//"},
                                        {"HUGGING_FACE_HUB_TOKEN", " hf_1\r\n"},
                                        {"TRANSFORMERS_OFFLINE", "yes"},
                                        {"HF_HUB_ETAG_TIMEOUT", "3"},
                                        {"HF_HUB_DOWNLOAD_TIMEOUT", "0"}});
  EXPECT_EQ(set.endpoint, "http://mirror/x");
  EXPECT_EQ(set.token, "hf_1");
  EXPECT_TRUE(set.offline);
  EXPECT_EQ(set.offline_variable, "TRANSFORMERS_OFFLINE");
  EXPECT_EQ(set.metadata_timeout_s, 3);
  EXPECT_EQ(set.download_timeout_s, 30);
  EXPECT_EQ(FromEnvironment({{"HF_TOKEN", "x"}, {"HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"}}).token, "");
  EXPECT_EQ(FromEnvironment({{"HF_HOME", "${D}/h"}, {"D", "/data"}}).token_file, "/data/h/token");
}

// ---- a hub of two origins ----

struct Sent {
  std::string target;
  std::string authorization;
  std::string range;
};

class HubTest : public ::testing::Test {
 protected:
  HubTest() {
    loop_.Start();
    server_loop_.Start();
    for (const bool cdn : {false, true}) {
      auto& server = cdn ? cdn_ : hub_server_;
      server = std::make_unique<http::Server>(
          std::vector<Loop*>{&server_loop_}, [this, cdn](http::Exchange& exchange) { return Serve(*this, exchange, cdn); },
          http::ServerOptions{});
      (cdn ? cdn_url_ : hub_url_) = "http://127.0.0.1:" + std::to_string(*server->ListenTcp("127.0.0.1", 0));
    }
    Make({});
  }
  ~HubTest() override {
    for (auto* server : {hub_server_.get(), cdn_.get()}) {
      std::promise<void> drained;
      server->Drain(std::chrono::seconds(0), [&] { drained.set_value(); });
      drained.get_future().wait();
    }
  }
  void Make(Settings settings) {
    settings.endpoint = hub_url_ + "/";
    hub_ = std::make_unique<Hub>(std::move(settings), client_, pool_);
  }
  static Task<> Serve(HubTest& test, http::Exchange& exchange, bool cdn) {
    std::function<http::Response(const Sent&)> answer;
    Sent sent{exchange.target(), std::string(exchange.headers().Get("Authorization")),
              std::string(exchange.headers().Get("Range"))};
    {
      const std::lock_guard lock(test.mutex_);
      (cdn ? test.at_cdn_ : test.at_hub_).push_back(sent);
      answer = cdn ? test.cdn_answer_ : test.hub_answer_;
    }
    co_await exchange.Send(answer(sent));
  }
  template <class T>
  T Get(Task<T> task) {
    return asio::co_spawn(loop_.executor(), std::move(task), asio::use_future).get();
  }
  static http::Response With(unsigned status, std::vector<std::pair<std::string, std::string>> headers, std::string body = {}) {
    http::Response response = http::TextResponse(std::move(body), "text/plain", status);
    for (const auto& [name, value] : headers) response.headers.Add(name, value);
    return response;
  }
  http::Response File(unsigned status, std::string body, std::vector<std::pair<std::string, std::string>> more = {}) {
    more.insert(more.end(), {{"X-Repo-Commit", kCommit}, {"ETag", "\"" + kBlob + "\""}});
    return With(status, more, std::move(body));
  }
  static Wanted Want(std::uint64_t from = 0, std::uint64_t to = 10, std::uint64_t size = 10) {
    Wanted wanted;
    wanted.repo = {model::RepoKind::kModel, "o/m"};
    wanted.commit = kCommit;
    wanted.file = {.path = "a b/#.bin", .size = size, .blob_id = kBlob};
    wanted.from = from;
    wanted.to = to;
    return wanted;
  }
  struct Got {
    std::string body;
    std::uint64_t from = 0;
    Address address;
    std::optional<Problem> problem;
  };
  static Task<Got> Read(Hub& hub, Wanted wanted) {
    Got got;
    Reply<Content> content = co_await hub.Open(std::move(wanted));
    if (!content) {
      got.problem = content.error();
      co_return got;
    }
    got.from = content->from();
    got.address = content->address();
    for (;;) {
      Reply<std::string> piece = co_await content->Read();
      if (!piece) {
        got.problem = piece.error();
        co_return got;
      }
      if (piece->empty()) co_return got;
      got.body += *piece;
    }
  }
  // The problem that a HTTP answer of the hub becomes.
  Problem ProblemOf(unsigned status, std::vector<std::pair<std::string, std::string>> headers, std::string body = {}) {
    hub_answer_ = [=](const Sent&) { return With(status, headers, body); };
    auto commit = Get(hub_->Resolve({model::RepoKind::kModel, "o/m"}, "main"));
    return commit ? Problem{} : commit.error();
  }

  outbound::Client client_{outbound::Client::Options{.module = HOSTLER_OUTBOUND_MODULE}};
  Pool pool_{"work", 1};
  Loop loop_{"reader"};
  Loop server_loop_{"server"};
  std::mutex mutex_;
  std::vector<Sent> at_hub_, at_cdn_;
  std::function<http::Response(const Sent&)> hub_answer_, cdn_answer_;
  std::unique_ptr<http::Server> hub_server_, cdn_;
  std::string hub_url_, cdn_url_;
  std::unique_ptr<Hub> hub_;
};

TEST_F(HubTest, ARevisionBecomesACommit) {
  hub_answer_ = [](const Sent&) {
    return With(200, {{"X-HF-Warning", "old; Update soon"}}, R"({"id":"o/m","sha":")" + kCommit + R"("})");
  };
  EXPECT_EQ(*Get(hub_->Resolve({model::RepoKind::kDataset, "o/m"}, "refs/pr/1")), kCommit);
  EXPECT_EQ(at_hub_.at(0).target, "/api/datasets/o/m/revision/refs%2Fpr%2F1");
  EXPECT_EQ(*Get(hub_->Resolve({model::RepoKind::kModel, "o/m"}, kBlob)), kBlob);
  EXPECT_EQ(at_hub_.size(), 1u) << "a commit needs no question";
  EXPECT_THAT(hub_->Warnings(), ElementsAre("Update soon"));
}

TEST_F(HubTest, GarbageCommitsAreRefused) {
  for (const char* body : {"", "[]", "{}", R"({"sha":"../../evil"})", R"({"sha":7})", "<html>"}) {
    hub_answer_ = [=](const Sent&) { return With(200, {}, body); };
    const auto commit = Get(hub_->Resolve({model::RepoKind::kModel, "o/m"}, "main"));
    ASSERT_FALSE(commit) << body;
    EXPECT_EQ(commit.error().error.name, "not_a_hub") << body;
  }
}

TEST_F(HubTest, AllPagesOfAListingAreReadAndTheTokenStays) {
  Make({.token = "hf_secret"});
  const std::string entry = R"([{"type":"file","oid":")" + kBlob + R"(","size":1,"path":")";
  hub_answer_ = [=, this](const Sent& sent) {
    if (sent.target.contains("cursor=1"))
      return With(200, {{"Link", "<" + cdn_url_ + "/api/x?cursor=2>; rel=\"next\""}}, entry + "b\"}]");
    return With(200, {{"Link", "</api/x?cursor=1>; rel=\"next\""}}, entry + "a\"}]");
  };
  cdn_answer_ = [=](const Sent&) { return With(200, {}, entry + "c\"}]"); };
  const auto listing = Get(hub_->Tree({model::RepoKind::kModel, "o/m"}, kCommit));
  ASSERT_TRUE(listing) << listing.error().error.Text();
  ASSERT_EQ(listing->files.size(), 3u);
  EXPECT_EQ(listing->files[2].path, "c");
  EXPECT_EQ(at_hub_.at(0).target, "/api/models/o/m/tree/" + kCommit + "?recursive=true&expand=false");
  EXPECT_EQ(at_hub_.at(1).authorization, "Bearer hf_secret");
  EXPECT_EQ(at_cdn_.at(0).authorization, "");
}

TEST_F(HubTest, AListingThatTurnsInACircleOrRepeatsIsRefused) {
  hub_answer_ = [](const Sent& sent) { return With(200, {{"Link", "<" + sent.target + ">; rel=\"next\""}}, "[]"); };
  EXPECT_EQ(Get(hub_->Tree({model::RepoKind::kModel, "o/m"}, kCommit)).error().error.name, "not_a_hub");
}

TEST_F(HubTest, RedirectsOfTheHubKeepTheTokenAndOthersDoNotGetIt) {
  Make({.token = "hf_secret"});
  hub_answer_ = [this](const Sent& sent) {
    if (sent.target.starts_with("/o/m/")) return With(307, {{"Location", "/moved?etag=x"}, {"X-Repo-Commit", kCommit}});
    return File(302, {},
                {{"Location", cdn_url_ + "/f?Sig=%3B~_%2f"}, {"X-Linked-Size", "10"}, {"X-Linked-ETag", "\"" + kBlob + "\""}});
  };
  cdn_answer_ = [](const Sent&) { return With(200, {{"ETag", "\"cdn\""}}, "0123456789"); };
  const Got got = Get(Read(*hub_, Want()));
  ASSERT_FALSE(got.problem) << got.problem->error.Text();
  EXPECT_EQ(got.body, "0123456789");
  EXPECT_EQ(got.address.url, cdn_url_ + "/f?Sig=%3B~_%2f");
  EXPECT_EQ(got.address.validator, "\"cdn\"");
  EXPECT_EQ(at_hub_.at(0).target, "/o/m/resolve/" + kCommit + "/a%20b/%23.bin");
  EXPECT_EQ(at_hub_.at(1).authorization, "Bearer hf_secret");
  EXPECT_EQ(at_cdn_.at(0).target, "/f?Sig=%3B~_%2f");
  EXPECT_EQ(at_cdn_.at(0).authorization, "");
}

TEST_F(HubTest, FurtherRangesGoStraightToTheContent) {
  cdn_answer_ = [](const Sent& sent) {
    EXPECT_EQ(sent.range, "bytes=4-6");
    return With(206, {{"Content-Range", "bytes 4-6/10"}}, "456");
  };
  Wanted wanted = Want(4, 7);
  wanted.address = {cdn_url_ + "/f?Sig=1", "\"cdn\""};
  const Got got = Get(Read(*hub_, wanted));
  ASSERT_FALSE(got.problem) << got.problem->error.Text();
  EXPECT_EQ(got.from, 4u);
  EXPECT_EQ(got.body, "456");
  EXPECT_THAT(at_hub_, IsEmpty());
}

TEST_F(HubTest, WrongRangesAndIgnoredOnesAreTold) {
  Wanted wanted = Want(4, 7);
  wanted.address.url = cdn_url_ + "/f?Sig=secret";
  cdn_answer_ = [](const Sent&) { return With(206, {{"Content-Range", "bytes 5-7/10"}}, "567"); };
  EXPECT_TRUE(Get(Read(*hub_, wanted)).problem->transient);
  cdn_answer_ = [](const Sent&) { return With(206, {}, "456"); };
  EXPECT_TRUE(Get(Read(*hub_, wanted)).problem->transient);
  cdn_answer_ = [](const Sent&) { return With(206, {{"Content-Range", "bytes 4-6/11"}}, "456"); };
  EXPECT_EQ(Get(Read(*hub_, wanted)).problem->error.name, "corrupt");
  cdn_answer_ = [](const Sent&) { return With(200, {}, "0123456789"); };
  const Got whole = Get(Read(*hub_, wanted));
  EXPECT_EQ(whole.from, 0u);
  EXPECT_EQ(whole.body, "0123456789");
  cdn_answer_ = [](const Sent&) { return With(416, {}); };
  EXPECT_TRUE(Get(Read(*hub_, wanted)).problem->range_refused);
  cdn_answer_ = [](const Sent&) { return With(403, {}, "<Error>"); };
  const Got expired = Get(Read(*hub_, wanted));
  EXPECT_TRUE(expired.problem->expired);
  EXPECT_TRUE(expired.problem->transient);
  EXPECT_THAT(expired.problem->error.Text(), Not(HasSubstr("secret")));
}

TEST_F(HubTest, AnotherCommitHashOrSizeIsRefused) {
  const auto problem = [&](std::vector<std::pair<std::string, std::string>> headers, std::string body) {
    hub_answer_ = [=](const Sent&) { return With(200, headers, body); };
    const Got got = Get(Read(*hub_, Want()));
    return got.problem ? got.problem->error.name : "none";
  };
  EXPECT_EQ(problem({{"X-Repo-Commit", kCommit}, {"ETag", "W/\"" + kBlob + "\""}}, "0123456789"), "none");
  EXPECT_EQ(problem({{"X-Repo-Commit", kBlob}, {"ETag", kBlob}}, "0123456789"), "corrupt");
  EXPECT_EQ(problem({{"X-Repo-Commit", kCommit}, {"ETag", kCommit}}, "0123456789"), "corrupt");
  EXPECT_EQ(problem({{"X-Repo-Commit", kCommit}, {"ETag", kBlob}}, "01234"), "corrupt");
  EXPECT_EQ(problem({}, "0123456789"), "not_a_hub");
}

TEST_F(HubTest, ErrorsHaveTheirClassAndARemedy) {
  struct Row {
    unsigned status;
    std::string code;
    std::string message;
    std::string name;
    std::string says;
    bool transient = false;
  };
  for (const Row& row : std::vector<Row>{{401, "GatedRepo", "", "gated", "/o/m"},
                                         {403, "GatedRepo", "Your request is pending", "gated", "pending"},
                                         {401, "RepoNotFound", "", "not_found", "o/m"},
                                         {404, "RepoNotFound", "", "not_found", "o/m"},
                                         {404, "RevisionNotFound", "", "not_found", "main"},
                                         {403, "", "Access to this resource is disabled.", "disabled", "disabled"},
                                         {403, "", "", "unauthorized", "allow"},
                                         {429, "", "", "rate_limited", "too many", true},
                                         {503, "", "", "network", "503", true},
                                         {302, "", "", "not_a_hub", "no address"},
                                         {418, "", "", "not_a_hub", "418"}}) {
    const Problem problem = ProblemOf(row.status, {{"X-Error-Code", row.code}, {"X-Error-Message", row.message}});
    EXPECT_EQ(problem.error.name, row.name) << row.status << row.code;
    EXPECT_THAT(problem.error.Text(), HasSubstr(row.says));
    EXPECT_FALSE(problem.error.remedy.empty()) << row.status << row.code;
    EXPECT_EQ(problem.transient, row.transient) << row.status << row.code;
  }
  EXPECT_EQ(ProblemOf(429, {{"RateLimit", "\"api\";r=0;t=9"}}).retry_after_s, 10);
  Make({.token = "hf_bad"});
  EXPECT_EQ(ProblemOf(401, {}, R"({"error":"Invalid credentials"})").error.name, "unauthorized");
}

TEST_F(HubTest, OfflineNamesTheVariableAndAsksNobody) {
  Make({.offline = true, .offline_variable = "TRANSFORMERS_OFFLINE"});
  const auto commit = Get(hub_->Resolve({model::RepoKind::kModel, "o/m"}, "main"));
  EXPECT_EQ(commit.error().error.name, "offline");
  EXPECT_THAT(commit.error().error.Text(), HasSubstr("TRANSFORMERS_OFFLINE"));
  EXPECT_THAT(at_hub_, IsEmpty());
}

TEST_F(HubTest, ATokenFileIsReadAtEachRequest) {
  const std::string path = ::testing::TempDir() + "hub_test_token." + std::to_string(::getpid());
  Make({.token_file = path});
  hub_answer_ = [](const Sent&) { return With(200, {}, R"({"sha":")" + kCommit + R"("})"); };
  (void)Get(hub_->Resolve({model::RepoKind::kModel, "o/m"}, "main"));
  std::ofstream(path) << "hf_new\n";
  (void)Get(hub_->Resolve({model::RepoKind::kModel, "o/m"}, "main"));
  EXPECT_EQ(at_hub_.at(0).authorization, "");
  EXPECT_EQ(at_hub_.at(1).authorization, "Bearer hf_new");
  std::filesystem::remove(path);
}

TEST_F(HubTest, HiddenHashesAreAskedFor) {
  hub_answer_ = [this](const Sent&) { return File(200, "", {{"X-Linked-Size", "77"}, {"X-Linked-ETag", "\"" + kSha + "\""}}); };
  const auto file = Get(hub_->Probe({model::RepoKind::kModel, "o/m"}, kCommit, "m.bin"));
  ASSERT_TRUE(file) << file.error().error.Text();
  EXPECT_EQ(file->etag(), kSha);
  EXPECT_EQ(file->size, 77u);
}

}  // namespace
}  // namespace hostler::hub

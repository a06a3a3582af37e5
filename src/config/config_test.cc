#include "config/config.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace hostler::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("hostler-config-" + RandomHex(12));
    std::filesystem::create_directories(folder_);
    environment_ = {{"HOME", folder_.string()}, {"HOSTLER_HOME", (folder_ / "state").string()}, {"PATH", "/usr/bin"}};
    std::filesystem::create_directories(folder_ / "state");
    file_ = folder_ / "test.toml";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(std::string_view text) const { std::ofstream(file_, std::ios::binary) << text; }
  Result<Loaded> FromFile(std::string_view text, const Flags& flags = {}) const {
    Write(text);
    return Load(file_, environment_, flags);
  }
  std::string ErrorOf(std::string_view text) const {
    const auto loaded = FromFile(text);
    return loaded ? "no error" : loaded.error().Text();
  }
  static Setting Find(const Loaded& loaded, std::string_view key) {
    for (const Setting& setting : loaded.settings) {
      if (setting.key == key) return setting;
    }
    return {};
  }
  std::string Line(int line) const { return file_.string() + ":" + std::to_string(line); }

  std::filesystem::path folder_;
  std::filesystem::path file_;
  Environment environment_;
};

TEST_F(ConfigTest, DefaultsWithoutAnything) {
  const auto loaded = Load({}, environment_, {});
  ASSERT_TRUE(loaded) << loaded.error().Text();
  EXPECT_EQ(loaded->config.host, "127.0.0.1");
  EXPECT_EQ(loaded->config.port, 8100);
  EXPECT_EQ(loaded->config.home, folder_ / "state");
  EXPECT_TRUE(loaded->config.models.empty());
  EXPECT_EQ(Find(*loaded, "server.port").origin, Origin::kDefault);
  EXPECT_EQ(Find(*loaded, "server.port").value, "8100");
  EXPECT_EQ(Find(*loaded, "home").where, "HOSTLER_HOME");
}

TEST_F(ConfigTest, EveryKeyFromAFile) {
  const auto loaded = FromFile(R"(
[server]
host = "::1"
port = 0
insecure = true
threads = 2
max_upload_mb = 7
max_connections = 9
allowed_hosts = ["box", "box.lan:8100"]
allowed_origins = ["https://example.org", "*"]
[log]
level = "debug"
[engines]
folder = "/opt/engines"
threads = 3
start_timeout_s = 1.5
load_timeout_s = 2
stop_timeout_s = 0
health_interval_s = 4
max_memory_mb = 512
max_processes = 0
[models]
autoload = false
fetch_on_load = false
max_loaded = 5
evict = "none"
idle_timeout_s = 60
preload = ["espeak"]
pinned = ["a/b", "c"]
default_tts = "flite"
default_stt = "x"
default_llm = "org/l"
default_diarization = "who"
[store]
cache = "/hub"
models_base = "/app"
database = "/d/hostler.db"
catalogue = "/d/models.toml"
trash_minutes = 0.5
keep_free_mb = 0
[download]
limit = "1.5M"
schedule = "08:00-18:00=2M"
connections = 4
memory_mb = 8
tasks = 3
[speech]
max_input_length = 10
dictionary = "/d/words.toml"
trim_silence = true
normalize = true
presets = "/d/presets.toml"
max_reference_s = 12.5
max_samples = 3
max_recording_hours = 0.5
)");
  ASSERT_TRUE(loaded) << loaded.error().Text();
  const Config& c = loaded->config;
  EXPECT_EQ(c.host, "::1");
  EXPECT_EQ(c.port, 0);
  EXPECT_TRUE(c.insecure);
  EXPECT_EQ(c.threads, 2);
  EXPECT_EQ(c.max_upload_mb, 7);
  EXPECT_EQ(c.max_connections, 9);
  EXPECT_THAT(c.allowed_hosts, ElementsAre("box", "box.lan:8100"));
  EXPECT_THAT(c.allowed_origins, ElementsAre("https://example.org", "*"));
  EXPECT_EQ(c.log_level, "DEBUG");
  EXPECT_EQ(c.engines_folder, "/opt/engines");
  EXPECT_EQ(c.engine_threads, 3);
  EXPECT_EQ(c.start_timeout_s, 1.5);
  EXPECT_EQ(c.load_timeout_s, 2);
  EXPECT_EQ(c.stop_timeout_s, 0);
  EXPECT_EQ(c.health_interval_s, 4);
  EXPECT_EQ(c.max_memory_mb, 512);
  EXPECT_EQ(c.max_processes, 0);
  EXPECT_FALSE(c.autoload);
  EXPECT_EQ(c.max_loaded, 5);
  EXPECT_EQ(c.evict, Evict::kNone);
  EXPECT_EQ(c.idle_timeout_s, 60);
  EXPECT_THAT(c.preload, ElementsAre("espeak"));
  EXPECT_THAT(c.pinned, ElementsAre("a/b", "c"));
  EXPECT_EQ(c.default_tts, "flite");
  EXPECT_EQ(c.default_stt, "x");
  EXPECT_EQ(c.default_llm, "org/l");
  EXPECT_EQ(c.default_diarization, "who");
  EXPECT_EQ(c.cache, "/hub");
  EXPECT_EQ(c.models_base, "/app");
  EXPECT_EQ(c.database, "/d/hostler.db");
  EXPECT_EQ(c.catalogue, "/d/models.toml");
  EXPECT_EQ(c.trash_minutes, 0.5);
  EXPECT_EQ(c.keep_free_mb, 0);
  EXPECT_EQ(c.download_limit, "1.5M");
  EXPECT_EQ(c.download_schedule, "08:00-18:00=2M");
  EXPECT_EQ(c.download_connections, 4);
  EXPECT_EQ(c.download_memory_mb, 8);
  EXPECT_EQ(c.download_tasks, 3);
  EXPECT_EQ(c.max_input_length, 10);
  EXPECT_FALSE(c.fetch_on_load);
  EXPECT_EQ(c.dictionary, "/d/words.toml");
  EXPECT_TRUE(c.trim_silence);
  EXPECT_TRUE(c.normalize);
  EXPECT_EQ(c.presets, "/d/presets.toml");
  EXPECT_EQ(c.max_reference_s, 12.5);
  EXPECT_EQ(c.max_samples, 3);
  EXPECT_EQ(c.max_recording_hours, 0.5);
  for (const KeyInfo& key : Keys()) EXPECT_EQ(Find(*loaded, key.key).origin, Origin::kFile) << key.key;
  EXPECT_EQ(Find(*loaded, "models.pinned").value, R"(["a/b", "c"])");
  EXPECT_EQ(Find(*loaded, "server.host").where, Line(3));
}

// What `config show` prints can be put into a file and means the same.
TEST_F(ConfigTest, ShownValuesAreAFile) {
  const auto first =
      Load({}, environment_, {{"models.pinned", "a,b"}, {"engines.folder", "/x y/\"z\""}, {"engines.load_timeout_s", "0.25"}});
  ASSERT_TRUE(first) << first.error().Text();
  std::string text;
  for (const Setting& setting : first->settings) {
    if (setting.key != "home") text += setting.key + " = " + setting.value + "\n";
  }
  const auto second = FromFile(text);
  ASSERT_TRUE(second) << second.error().Text() << text;
  for (const KeyInfo& key : Keys()) EXPECT_EQ(Find(*first, key.key).value, Find(*second, key.key).value);
  EXPECT_EQ(second->config.engines_folder, "/x y/\"z\"");
}

TEST_F(ConfigTest, LaterSourcesWin) {
  environment_["HOSTLER_PORT"] = "2000";
  environment_["HOSTLER_HOST"] = "10.0.0.1";
  const auto loaded = FromFile("[server]\nport = 1000\nhost = \"10.0.0.9\"\nthreads = 3\n", {{"server.port", "3000"}});
  ASSERT_TRUE(loaded) << loaded.error().Text();
  EXPECT_EQ(loaded->config.port, 3000);
  EXPECT_EQ(loaded->config.host, "10.0.0.1");
  EXPECT_EQ(loaded->config.threads, 3);
  EXPECT_EQ(Find(*loaded, "server.port").origin, Origin::kFlag);
  EXPECT_EQ(Find(*loaded, "server.port").where, "--port");
  EXPECT_EQ(Find(*loaded, "server.host").origin, Origin::kEnvironment);
  EXPECT_EQ(Find(*loaded, "server.host").where, "HOSTLER_HOST");
  EXPECT_EQ(Find(*loaded, "server.threads").where, Line(4));
}

TEST_F(ConfigTest, AnOverriddenValueIsStillChecked) {
  Write("[server]\nport = 70000\n");
  const auto loaded = Load(file_, environment_, {{"server.port", "1"}});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr(Line(2)));
}

TEST_F(ConfigTest, EveryFlagAndVariableReachesItsKey) {
  const std::map<std::string, std::string> samples = {{"server.host", "h"},
                                                      {"server.port", "1"},
                                                      {"server.insecure", "true"},
                                                      {"server.threads", "1"},
                                                      {"server.max_upload_mb", "1"},
                                                      {"server.max_connections", "1"},
                                                      {"server.allowed_hosts", "a, b"},
                                                      {"server.allowed_origins", "http://a"},
                                                      {"log.level", "warn"},
                                                      {"engines.folder", "/e"},
                                                      {"engines.threads", "1"},
                                                      {"engines.start_timeout_s", "1"},
                                                      {"engines.load_timeout_s", "1"},
                                                      {"engines.stop_timeout_s", "1"},
                                                      {"engines.health_interval_s", "1"},
                                                      {"engines.max_memory_mb", "1"},
                                                      {"engines.max_processes", "1"},
                                                      {"models.autoload", "off"},
                                                      {"models.fetch_on_load", "off"},
                                                      {"models.max_loaded", "1"},
                                                      {"models.evict", "none"},
                                                      {"models.idle_timeout_s", "1"},
                                                      {"models.preload", "a"},
                                                      {"models.pinned", "a"},
                                                      {"models.default_tts", "a"},
                                                      {"models.default_stt", "a"},
                                                      {"models.default_llm", "a"},
                                                      {"models.default_diarization", "a"},
                                                      {"store.cache", "/c"},
                                                      {"store.models_base", "/m"},
                                                      {"store.database", "/d"},
                                                      {"store.catalogue", "/t"},
                                                      {"store.trash_minutes", "1"},
                                                      {"store.keep_free_mb", "1"},
                                                      {"download.limit", "1M"},
                                                      {"download.schedule", "08:00-09:00=1M"},
                                                      {"download.connections", "1"},
                                                      {"download.memory_mb", "4"},
                                                      {"download.tasks", "1"},
                                                      {"speech.max_input_length", "1"},
                                                      {"speech.dictionary", "/d/words.toml"},
                                                      {"speech.trim_silence", "on"},
                                                      {"speech.normalize", "on"},
                                                      {"speech.presets", "/d/presets.toml"},
                                                      {"speech.max_reference_s", "5"},
                                                      {"speech.max_samples", "1"},
                                                      {"speech.max_recording_hours", "1"}};
  for (const KeyInfo& key : Keys()) {
    ASSERT_TRUE(samples.contains(key.key)) << key.key << ": add a sample";
    auto environment = environment_;
    environment[key.variable] = samples.at(key.key);
    const auto from_environment = Load({}, environment, {});
    ASSERT_TRUE(from_environment) << from_environment.error().Text();
    const auto from_flag = Load({}, environment_, {{key.key, samples.at(key.key)}});
    ASSERT_TRUE(from_flag) << from_flag.error().Text();
    EXPECT_NE(Find(*from_flag, key.key).value, key.fallback) << key.key;
    EXPECT_EQ(Find(*from_flag, key.key).value, Find(*from_environment, key.key).value) << key.key;
  }
}

TEST_F(ConfigTest, NamesAreUnique) {
  std::set<std::string> flags;
  std::set<std::string> variables;
  for (const KeyInfo& key : Keys()) {
    EXPECT_TRUE(flags.insert(key.flag).second) << key.flag;
    EXPECT_TRUE(variables.insert(key.variable).second) << key.variable;
    EXPECT_TRUE(key.variable.starts_with("HOSTLER_"));
    EXPECT_FALSE(key.variable.starts_with("HOSTLER_ENGINE_")) << key.variable << " would not be checked for misspelling";
    EXPECT_FALSE(key.meaning.empty());
  }
}

struct BadFile {
  std::string_view text;
  int line;
  std::string_view wants;
};

class BadFileTest : public ConfigTest, public ::testing::WithParamInterface<BadFile> {};

TEST_P(BadFileTest, SaysWhereAndWhat) {
  const std::string error = ErrorOf(GetParam().text);
  EXPECT_THAT(error, HasSubstr(Line(GetParam().line) + ":"));
  EXPECT_THAT(error, HasSubstr(std::string(GetParam().wants)));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadFileTest,
    ::testing::Values(BadFile{"[server]\nprot = 1\n", 2, "Did you mean server.port?"},           //
                      BadFile{"\n[sever]\nport = 1\n", 2, "Did you mean [server]?"},             //
                      BadFile{"port = 1\n", 1, "Did you mean server.port?"},                     //
                      BadFile{"prt = 1\n", 1, "Did you mean server.port?"},                      //
                      BadFile{"[log]\nautoload = true\n", 2, "Did you mean models.autoload?"},   //
                      BadFile{"[log]\nqqqqqqqqqqqqqqqq = true\n", 2, "Known keys: log.level."},  //
                      BadFile{"[zzzzzzzzzzzz]\n", 1, "Sections are: model, server"},             //
                      BadFile{"server = 3\n", 1, "expected a section, got 3"},                   //
                      BadFile{"[[server]]\nport=1\n", 1, "expected a section, got an array"},    //
                      BadFile{"[server]\nport = \"80\"\n", 2, "server.port: expected an integer from 0 to 65535, got \"80\""},
                      BadFile{"[server]\nport = 65536\n", 2, "got 65536"},                                  //
                      BadFile{"[server]\nport = -1\n", 2, "got -1"},                                        //
                      BadFile{"[server]\nport = 1.0\n", 2, "expected an integer"},                          //
                      BadFile{"[server]\nport = 1979-05-27\n", 2, "got a date"},                            //
                      BadFile{"[server.port]\na = 1\n", 1, "got a table"},                                  //
                      BadFile{"[server]\ninsecure = \"true\"\n", 2, "expected true or false"},              //
                      BadFile{"[server]\ninsecure = 1\n", 2, "expected true or false"},                     //
                      BadFile{"[server]\nhost = \"a b\"\n", 2, "expected a host name"},                     //
                      BadFile{"[server]\nhost = \"\"\n", 2, "expected a host name"},                        //
                      BadFile{"[server]\nallowed_hosts = \"box\"\n", 2, "expected a list of host names"},   //
                      BadFile{"[server]\nallowed_hosts = [1]\n", 2, "expected a list of host names"},       //
                      BadFile{"[server]\nallowed_origins = [\"example.org\"]\n", 2, "origins like https"},  //
                      BadFile{"[server]\nallowed_origins = [\"https://a/b\"]\n", 2, "origins like https"},  //
                      BadFile{"[log]\nlevel = \"LOUD\"\n", 2, "one of DEBUG, INFO, WARNING, ERROR, CRITICAL, got \"LOUD\""},
                      BadFile{"[models]\nevict = \"fifo\"\n", 2, "one of none, lru"},                   //
                      BadFile{"[models]\nidle_timeout_s = nan\n", 2, "expected a number"},              //
                      BadFile{"[models]\nidle_timeout_s = inf\n", 2, "expected a number"},              //
                      BadFile{"[models]\npinned = [\"../x\"]\n", 2, "expected a list of model ids"},    //
                      BadFile{"[models]\ndefault_tts = \"/x\"\n", 2, "expected a model id"},            //
                      BadFile{"[server]\nport = 1\nport = 2\n", 3, "not valid TOML"},                   //
                      BadFile{"[server\n", 1, "not valid TOML"},                                        //
                      BadFile{"a = \"\xFF\"\n", 1, "not valid TOML"},                                   //
                      BadFile{"\na.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r = 1\n", 2, "more than 16 parts"},  //
                      BadFile{"[model]\nid = \"x\"\n", 1, "Write [[model]] with double brackets"},      //
                      BadFile{"model = [1]\n", 1, "Write [[model]]"},                                   //
                      BadFile{"[[model]]\ntype = \"tts\"\nengine = \"hostler-engine-x\"\n", 1, "model.id: missing"},
                      BadFile{"[[model]]\nid = \"x\"\nengine = \"hostler-engine-x\"\n", 1, "model.type: missing"},
                      BadFile{"[[model]]\nid = \"x\"\ntype = \"tts\"\n", 1, "model.engine: missing; a [[model]] of \"x\""},
                      BadFile{"[[model]]\nid = \"\"\n", 2, "expected a model id"},                            //
                      BadFile{"[[model]]\nid = \"a/../b\"\n", 2, "expected a model id"},                      //
                      BadFile{"[[model]]\nid = \".x\"\n", 2, "expected a model id"},                          //
                      BadFile{"[[model]]\nid = \"a\\u0007\"\n", 2, "expected a model id"},                    //
                      BadFile{"[[model]]\nid = 3\n", 2, "expected a model id"},                               //
                      BadFile{"[[model]]\nid = \"x\"\ntype = \"speech\"\n", 3, "one of tts, stt, llm"},       //
                      BadFile{"[[model]]\nengine = \"x\"\n", 2, "the name of an engine like"},                //
                      BadFile{"[[model]]\nengine = \"hostler-engine-\"\n", 2, "the name of an engine like"},  //
                      BadFile{"[[model]]\nengine = \"hostler-engine-../x\"\n", 2, "the name of an engine"},   //
                      BadFile{"[[model]]\nengnie = \"x\"\n", 2, "Did you mean \"engine\"?"},                  //
                      BadFile{"[[model]]\nprovider = \"\"\n", 2, "model.provider"},                           //
                      BadFile{"[[model]]\npath = \"here\"\n", 2, "the absolute path of the model"},           //
                      BadFile{"[[model]]\npinned = \"yes\"\n", 2, "true or false"},                           //
                      BadFile{"[[model]]\noptions = 3\n", 2, "expected a table"},                             //
                      BadFile{"[[model]]\n[model.options]\nwhen = 1979-05-27\n", 2, "dates cannot be given"},
                      BadFile{"[[model]]\noptions = {a = inf}\n", 2, "infinite"}));

TEST_F(ConfigTest, TheFirstMistakeOfTheFileIsNamed) {
  EXPECT_THAT(ErrorOf("[speech]\nzzz = 1\n[engines]\naaa = 1\n"), HasSubstr(Line(2)));
}

TEST_F(ConfigTest, Models) {
  const auto loaded = FromFile(R"([[model]]
id = "my/voice"
type = "tts"
engine = "hostler-engine-classic"
engine_model = "espeak"
description = "slow"
pinned = true
options = { rate = 120, nested = { list = [1, 2.5, "x", true] } }

[[model]]
id = "ears"
type = "stt"
engine = "/opt/engine"
provider = "mine"
path = "/srv/ears"
)");
  ASSERT_TRUE(loaded) << loaded.error().Text();
  ASSERT_EQ(loaded->config.models.size(), 2U);
  const model::Entry& first = loaded->config.models[0];
  EXPECT_EQ(first.id, "my/voice");
  EXPECT_EQ(first.type, model::ModelType::kTts);
  EXPECT_EQ(first.engine, "hostler-engine-classic");
  EXPECT_EQ(first.engine_model, "espeak");
  EXPECT_EQ(first.provider, "custom");
  EXPECT_EQ(first.description, "slow");
  EXPECT_TRUE(first.pinned);
  EXPECT_EQ(first.options, boost::json::parse(R"({"rate":120,"nested":{"list":[1,2.5,"x",true]}})"));
  const model::Entry& second = loaded->config.models[1];
  EXPECT_EQ(second.type, model::ModelType::kStt);
  EXPECT_EQ(second.provider, "mine");
  EXPECT_EQ(second.path, "/srv/ears");
  EXPECT_FALSE(second.pinned);
  EXPECT_EQ(second.options, json::Any(boost::json::object_kind));
  const Setting shown = Find(*loaded, "model");
  EXPECT_EQ(shown.where, Line(1));
  EXPECT_THAT(shown.value, HasSubstr(R"(options = { "nested" = { "list" = [1, 2.5, "x", true] }, "rate" = 120 })"));
}

TEST_F(ConfigTest, DuplicateModelsNameBothLines) {
  const std::string one = "[[model]]\nid = \"x\"\ntype = \"tts\"\nengine = \"/e\"\n";
  const std::string error = ErrorOf(one + one);
  EXPECT_THAT(error, HasSubstr(Line(5)));
  EXPECT_THAT(error, HasSubstr("already there, on line 1"));
}

TEST_F(ConfigTest, ModelIdsOfTwoHundredCharactersAreTheLongest) {
  const auto model = [](std::size_t length) {
    std::string id;
    for (std::size_t i = 0; i < length; ++i) id += "ü";
    return "[[model]]\nid = \"" + id + "\"\ntype = \"tts\"\nengine = \"/e\"\n";
  };
  EXPECT_TRUE(FromFile(model(200)));
  EXPECT_THAT(ErrorOf(model(201)), HasSubstr("expected a model id"));
}

TEST_F(ConfigTest, VariablesAreChecked) {
  environment_["HOSTLER_PROT"] = "1";
  auto loaded = Load({}, environment_, {});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().Text(), HasSubstr("HOSTLER_PROT: hostler knows no such environment variable"));
  EXPECT_THAT(loaded.error().Text(), HasSubstr("Did you mean HOSTLER_PORT?"));

  environment_.erase("HOSTLER_PROT");
  environment_["HOSTLER_PORT"] = "eighty";
  loaded = Load({}, environment_, {});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().Text(), HasSubstr("HOSTLER_PORT: server.port: expected an integer from 0 to 65535, got \"eighty\""));
}

TEST_F(ConfigTest, OtherVariablesOfHostlerAreNoKeys) {
  for (const char* name : {"HOSTLER_SERVER", "HOSTLER_FAKE", "HOSTLER_COLOR", "HOSTLER_PROVIDERS", "HOSTLER_ENGINE_TOKEN"})
    environment_[name] = "x";
  environment_["HOSTLER"] = "x";
  const auto loaded = Load({}, environment_, {});
  EXPECT_TRUE(loaded) << loaded.error().Text();
}

TEST_F(ConfigTest, AnEmptyVariableCountsAsNotSet) {
  environment_["HOSTLER_PORT"] = "";
  environment_["LOG_LEVEL"] = "ERROR";
  environment_["HOSTLER_LOG_LEVEL"] = "";
  const auto loaded = Load({}, environment_, {});
  ASSERT_TRUE(loaded) << loaded.error().Text();
  EXPECT_EQ(loaded->config.port, 8100);
  EXPECT_EQ(loaded->config.log_level, "ERROR");
  EXPECT_EQ(Find(*loaded, "log.level").where, "LOG_LEVEL");
}

TEST_F(ConfigTest, OwnLogLevelBeatsTheGeneralOne) {
  environment_["LOG_LEVEL"] = "nonsense of somebody else";
  environment_["HOSTLER_LOG_LEVEL"] = "Warn";
  const auto loaded = Load({}, environment_, {});
  ASSERT_TRUE(loaded) << loaded.error().Text();
  EXPECT_EQ(loaded->config.log_level, "WARNING");
}

TEST_F(ConfigTest, UnknownAndBadFlags) {
  auto loaded = Load({}, environment_, {{"server.prot", "1"}});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().Text(), HasSubstr("Did you mean server.port?"));
  for (const char* text : {"", "1x", "0x10", "1e3", "99999999999999999999", "+1"}) {
    loaded = Load({}, environment_, {{"server.port", text}});
    ASSERT_FALSE(loaded) << text;
    EXPECT_THAT(loaded.error().Text(), HasSubstr("--port: server.port: expected an integer"));
  }
}

TEST_F(ConfigTest, AnEmptyFlagEmptiesAList) {
  const auto loaded = FromFile("[models]\npreload = [\"a\"]\n", {{"models.preload", ""}});
  ASSERT_TRUE(loaded) << loaded.error().Text();
  EXPECT_THAT(loaded->config.preload, IsEmpty());
}

TEST_F(ConfigTest, FoldersExpand) {
  auto loaded = FromFile("[engines]\nfolder = \"~/engines\"\n");
  ASSERT_TRUE(loaded) << loaded.error().Text();
  EXPECT_EQ(loaded->config.engines_folder, folder_ / "engines");
  loaded = FromFile("[engines]\nfolder = \"here/./engines\"\n");
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.engines_folder, folder_ / "here/engines");  // beside the file
  loaded = FromFile("[engines]\nfolder = \"\"\n");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->config.engines_folder.empty());
  environment_.erase("HOME");
  EXPECT_THAT(ErrorOf("[engines]\nfolder = \"~/engines\"\n"), HasSubstr("expected a folder"));
}

TEST_F(ConfigTest, WhichFileIsRead) {
  std::ofstream(folder_ / "state/hostler.toml") << "[server]\nport = 1\n";
  std::ofstream(folder_ / "other.toml") << "[server]\nport = 2\n";
  Write("[server]\nport = 3\n");
  EXPECT_EQ(Load({}, environment_, {})->config.port, 1);
  environment_["HOSTLER_CONFIG"] = (folder_ / "other.toml").string();
  EXPECT_EQ(Load({}, environment_, {})->config.port, 2);
  EXPECT_EQ(Load(file_, environment_, {})->config.port, 3);
  EXPECT_EQ(Load({}, {{"HOME", "/nowhere"}}, {{"home", (folder_ / "state").string()}})->config.port, 1);
}

TEST_F(ConfigTest, AFileThatWasNamedMustBeThere) {
  auto loaded = Load(folder_ / "nope.toml", environment_, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kNotFound);
  EXPECT_THAT(loaded.error().message, HasSubstr("nope.toml"));
  loaded = Load(folder_, environment_, {});
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("is a folder"));
  Write(std::string(2 << 20, '#'));
  loaded = Load(file_, environment_, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kTooLarge);
}

TEST(HomeFolder, FollowsFlagVariableAndXdg) {
  const Environment all = {{"HOSTLER_HOME", "/b"}, {"XDG_STATE_HOME", "/c"}, {"HOME", "/d"}};
  EXPECT_EQ(*HomeFolder(all, {{"home", "/a/x/.."}}), "/a/");
  EXPECT_EQ(*HomeFolder(all, {}), "/b");
  EXPECT_EQ(*HomeFolder({{"XDG_STATE_HOME", "/c"}, {"HOME", "/d"}}, {}), "/c/hostler");
  EXPECT_EQ(*HomeFolder({{"XDG_STATE_HOME", "relative"}, {"HOME", "/d"}}, {}), "/d/.local/state/hostler");
  const auto none = HomeFolder({}, {});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().remedy, HasSubstr("--home"));
}

TEST_F(ConfigTest, StringsWithDotsAndBracketsAreNoKeys) {
  const auto loaded =
      FromFile(std::string("# ") + std::string(100, '.') +
               "\n[[model]]\nid = \"x\"\ntype = 'tts'\nengine = \"/e\"\ndescription = \"\\\"" + std::string(100, '.') +
               "\"\noptions = { a = '''" + std::string(50, '.') + "'''', b = \"\"\"\n" + std::string(50, '.') + "\"\"\" }\n");
  EXPECT_TRUE(loaded) << loaded.error().Text();
}

TEST_F(ConfigTest, OrdinaryLettersOutsideStringsAreRefusedInAnOrderlyWay) {
  EXPECT_THAT(ErrorOf("\u00e9 = 1\n"), HasSubstr("not valid TOML"));
  EXPECT_THAT(ErrorOf("x = \u0425\n"), HasSubstr("not valid TOML"));
  const auto loaded =
      FromFile("[[model]]\nid = \"x\"\ntype = \"tts\"\nengine = \"/e\"\ndescription = \"\"\"a\\\n  \u00e9 \u0425\"\"\"\n");
  ASSERT_TRUE(loaded) << loaded.error().Text();
  EXPECT_EQ(loaded->config.models[0].description, "a\u00e9 \u0425");
}

TEST_F(ConfigTest, DeepFilesAreRefusedAndNotRecursedInto) {
  std::string keys = "a";
  for (int i = 0; i < 200'000; ++i) keys += ".a";
  EXPECT_THAT(ErrorOf(keys + " = 1\n"), HasSubstr("more than 16 parts"));
  EXPECT_THAT(ErrorOf("[" + keys + "]\n"), HasSubstr("more than 16 parts"));
  EXPECT_THAT(ErrorOf("x = " + std::string(100'000, '[')), HasSubstr("not valid TOML"));
  std::string tables;
  for (int i = 0; i < 100'000; ++i) tables += "{a=";
  EXPECT_THAT(ErrorOf("x = " + tables), HasSubstr("not valid TOML"));
}

TEST(ProcessEnvironment, HoldsWhatWasSet) {
  ::setenv("SOME_NAME", "some=value", 1);
  EXPECT_EQ(ProcessEnvironment().at("SOME_NAME"), "some=value");
}

}  // namespace
}  // namespace hostler::config

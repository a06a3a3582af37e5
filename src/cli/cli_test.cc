#include "cli/cli.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "cli/testing/fake_daemon.h"
#include "config/config.h"

namespace hostler::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kModels = R"json({"models":[
  {"id":"espeak","name":"espeak","type":"tts","provider":"espeak","description":"small and quick","state":"loaded",
   "disk":"downloaded","badge":"● Loaded","path":null,"memory_mb":12.34,"error":null,"loaded_at":1,"last_used_at":null,
   "pinned":true,"leases":0,"waiting":0,"pid":7,"news":1},
  {"id":"ears","name":"ears","type":"stt","provider":"pocketsphinx","description":"listens","state":"error",
   "disk":"available","badge":"○ Ready (load to use)","path":null,"memory_mb":null,"error":"engine crashed",
   "loaded_at":null,"last_used_at":null,"pinned":false,"leases":0,"waiting":0,"pid":null}]})json";

TEST(Cli, ModelsAsATable) {
  World world;
  world.daemon.Answer("GET /models", std::string(kModels));
  EXPECT_EQ(world.Run({"models"}), 0);
  EXPECT_EQ(world.out,
            "MODEL            TYPE  PROVIDER      STATE                   MEMORY  DESCRIPTION\n"
            "espeak (pinned)  tts   espeak        ● Loaded               12.3 MB  small and quick\n"
            "ears             stt   pocketsphinx  ○ Ready (load to use)        -  engine crashed\n");
  EXPECT_THAT(world.err, IsEmpty());
}

TEST(Cli, ModelsOfOneType) {
  World world;
  world.daemon.Answer("GET /models", std::string(kModels));
  EXPECT_EQ(world.Run({"models", "--type", "stt"}), 0);
  EXPECT_THAT(world.out, HasSubstr("ears"));
  EXPECT_THAT(world.out, Not(HasSubstr("espeak")));
  EXPECT_EQ(world.Run({"models", "--type", "stt", "--json"}), 0);
  EXPECT_THAT(world.out, StartsWith(R"({"models":[{"id":"ears")"));
  EXPECT_EQ(world.Run({"models", "--type", "llm"}), 0);
  EXPECT_EQ(world.out, "no models of type llm\n");
  EXPECT_EQ(world.Run({"models", "--type", "voice"}), 2);
  EXPECT_THAT(world.err, HasSubstr("Types are: tts, stt"));
}

TEST(Cli, JsonIsTheServersOwn) {
  World world;
  world.daemon.Answer("GET /models", std::string(kModels));
  EXPECT_EQ(world.Run({"--json", "models"}), 0);
  EXPECT_EQ(world.out, std::string(kModels) + "\n");
}

TEST(Cli, TerminalsGetColoursAndLinesThatFit) {
  World world;
  world.daemon.Answer("GET /models", std::string(kModels));
  world.OnTerminal(40);
  EXPECT_EQ(world.Run({"models"}), 0);
  EXPECT_THAT(world.out, HasSubstr("\x1b[1mespeak (pinned)\x1b[0m"));
  EXPECT_EQ(world.Run({"models", "--no-color"}), 0);
  EXPECT_EQ(world.out,
            "MODEL            TYPE  PROVIDER      ST…\n"
            "espeak (pinned)  tts   espeak        ● …\n"
            "ears             stt   pocketsphinx  ○ …\n");
  for (const auto& [name, value] : config::Environment{{"NO_COLOR", "1"}, {"TERM", "dumb"}, {"HOSTLER_COLOR", "never"}}) {
    world.surroundings.environment[name] = value;
    world.Run({"models"});
    EXPECT_THAT(world.out, Not(HasSubstr("\x1b"))) << name;
    world.surroundings.environment.erase(name);
  }
}

TEST(Cli, LoadPrintsTheReceipt) {
  World world;
  world.daemon.Answer(
      "POST /models/load",
      R"({"model_id":"espeak","state":"loaded","memory_before_mb":12.3,"memory_after_mb":41,"memory_delta_mb":28.7,"load_time_s":0.214,"outcome":"loaded"})");
  EXPECT_EQ(world.Run({"load", "espeak"}), 0);
  EXPECT_EQ(world.out, "espeak loaded in 0.21 s: 12.3 MB → 41.0 MB (+28.7 MB)\n");
  EXPECT_EQ(world.daemon.received().at(0).body, R"({"model_id":"espeak"})");
  world.daemon.Answer(
      "POST /models/load",
      R"({"model_id":"espeak","state":"loaded","memory_before_mb":41,"memory_after_mb":41,"memory_delta_mb":0,"load_time_s":0,"outcome":"already_loaded"})");
  EXPECT_EQ(world.Run({"load", "espeak"}), 0);
  EXPECT_EQ(world.out, "espeak was loaded already\n");
}

TEST(Cli, UnloadPrintsTheReceipt) {
  World world;
  world.daemon.Answer(
      "POST /models/unload",
      R"({"model_id":"espeak","state":"unloaded","memory_before_mb":41,"memory_after_mb":0,"memory_freed_mb":41,"unload_time_s":0.02,"outcome":"unloaded"})");
  EXPECT_EQ(world.Run({"unload", "espeak"}), 0);
  EXPECT_EQ(world.out, "espeak unloaded in 0.02 s: 41.0 MB → 0.0 MB (-41.0 MB)\n");
}

struct Refusal {
  unsigned status;
  int exit_code;
};
class RefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, BecomesAnExitCode) {
  World world;
  world.daemon.Answer(
      "POST /models/load",
      R"({"error":{"message":"it cannot be","type":"x","param":"model_id","code":"some_code","remedy":"Do something."}})",
      GetParam().status);
  EXPECT_EQ(world.Run({"load", "x"}), GetParam().exit_code);
  EXPECT_THAT(world.out, IsEmpty());
  EXPECT_EQ(world.err, "hostler: model_id: it cannot be\n  → Do something.\n");
}

INSTANTIATE_TEST_SUITE_P(All, RefusalTest,
                         ::testing::Values(Refusal{400, 1}, Refusal{422, 1}, Refusal{500, 1}, Refusal{502, 1}, Refusal{404, 4},
                                           Refusal{409, 5}, Refusal{403, 5}, Refusal{429, 5}, Refusal{503, 5}));

TEST(Cli, ErrorsAsJson) {
  World world;
  world.daemon.Answer("POST /models/load", R"({"error":{"message":"no model x","code":"not_found","remedy":"See the list."}})",
                      404);
  EXPECT_EQ(world.Run({"load", "x", "--json"}), 4);
  EXPECT_EQ(world.out,
            R"({"error":{"message":"no model x","type":"not_found","param":null,"code":"not_found","remedy":"See the list."}})"
            "\n");
  EXPECT_THAT(world.err, HasSubstr("hostler: no model x"));
  EXPECT_EQ(world.Run({"--json", "lod"}), 2);
  EXPECT_THAT(world.out, HasSubstr(R"("code":"usage")"));
}

TEST(Cli, AnswersThatAreNoneOfOurs) {
  World world;
  world.daemon.Answer("GET /models", "<html>hello</html>");
  EXPECT_EQ(world.Run({"models"}), 1);
  EXPECT_THAT(world.err, HasSubstr("the server's answer cannot be read"));
  world.daemon.Answer("GET /models", "<html>sorry</html>", 500);
  EXPECT_EQ(world.Run({"models"}), 1);
  EXPECT_THAT(world.err, HasSubstr("the server answered 500"));
}

TEST(Cli, ControlCharactersOfOthersDoNotReachTheTerminal) {
  World world;
  world.daemon.Answer("GET /models", R"({"error":{"message":"evil \u001b[2J","code":"x"}})", 400);
  EXPECT_EQ(world.Run({"models"}), 1);
  EXPECT_THAT(world.err, HasSubstr("evil ?[2J"));
  world.daemon.Answer(
      "GET /models",
      R"({"models":[{"id":"a\u001bb\nc","type":"tts","provider":"p","description":"d","state":"loaded","badge":"b"}]})");
  EXPECT_EQ(world.Run({"models"}), 0);
  EXPECT_THAT(world.out, HasSubstr("a?b c"));
}

TEST(Cli, NoServer) {
  World world;
  const std::string dead = DeadUrl();
  EXPECT_EQ(world.Run({"models", "--server", dead}), 3);
  EXPECT_THAT(world.err, HasSubstr("hostler: no server answers: cannot connect to " + dead));
  EXPECT_THAT(world.err, HasSubstr("  → Start it there"));
  world.surroundings.environment.erase("HOSTLER_SERVER");
  world.WriteDaemonFile(dead);
  EXPECT_EQ(world.Run({"models"}), 3);
  EXPECT_THAT(world.err, HasSubstr("`hostler serve`"));
  EXPECT_EQ(world.Run({"models", "--server", "nonsense://x"}), 2);
}

TEST(Cli, WhichServer) {
  World world;
  world.daemon.Answer("GET /models", R"({"models":[]})");
  const std::string url = world.daemon.url();
  EXPECT_EQ(world.Run({"models", "--server", url + "/"}), 0);
  world.surroundings.environment.erase("HOSTLER_SERVER");
  world.WriteDaemonFile(url);
  EXPECT_EQ(world.Run({"models"}), 0);
  world.surroundings.environment["HOSTLER_SERVER"] = DeadUrl();
  EXPECT_EQ(world.Run({"models"}), 3);
  EXPECT_EQ(world.Run({"models", "--server", url}), 0);
  // Another home has another daemon, or none.
  world.surroundings.environment.erase("HOSTLER_SERVER");
  world.surroundings.environment["HOSTLER_HOME"] = "/nowhere";
  EXPECT_EQ(world.Run({"models", "--home", world.Path("state").string()}), 0);
}

TEST(Cli, ADaemonFileOfADeadProcessIsPassedOver) {
  World world;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  // Not reaped, so nobody else can get the pid; reaped, it is gone. Then the file must not be believed.
  int status = 0;
  ::waitpid(child, &status, 0);
  world.surroundings.environment.erase("HOSTLER_SERVER");
  world.WriteDaemonFile("http://127.0.0.1:1");
  world.Write("state/run/daemon.json", R"({"url":"http://127.0.0.1:1","pid":)" + std::to_string(child) + "}");
  world.Run({"__complete", "models"});
  world.Run({"models"});
  EXPECT_THAT(world.err, Not(HasSubstr("127.0.0.1:1 ")));
}

TEST(Cli, Ps) {
  World world;
  world.daemon.Answer(
      "GET /api/ps",
      R"({"models":[{"model":"espeak","type":"tts","backend":"espeak","device":"cpu","compute_type":null,"loaded_at":1,"last_used_at":null,"is_default":true,"ttl_remaining":90,"memory_mb":12.5,"leases":2,"pid":77}]})");
  EXPECT_EQ(world.Run({"ps"}), 0);
  EXPECT_THAT(world.out, HasSubstr("espeak (default)  tts   espeak   cpu      77  12.5 MB       2  "));
  EXPECT_THAT(world.out, HasSubstr("90 s\n"));
  world.daemon.Answer("GET /api/ps", R"({"models":[]})");
  EXPECT_EQ(world.Run({"ps"}), 0);
  EXPECT_EQ(world.out, "no model is loaded\n");
}

TEST(Cli, Voices) {
  World world;
  world.daemon.Answer(
      "GET /api/tts/voices",
      R"({"voices":[{"id":"a","name":"Änne","language":"de","gender":"female","model":"espeak"},{"id":"b","name":"Bo","language":"en-us","gender":"male","model":"espeak"}]})");
  EXPECT_EQ(world.Run({"voices", "org/my model"}), 0);
  EXPECT_THAT(world.daemon.lines(), ElementsAre("GET /api/tts/voices?model=org%2Fmy%20model"));
  EXPECT_EQ(world.out,
            "VOICE  NAME  LANGUAGE  GENDER  MODEL\n"
            "a      Änne  de        female  espeak\n"
            "b      Bo    en-us     male    espeak\n");
  EXPECT_EQ(world.Run({"voices", "--language", "EN"}), 0);
  EXPECT_THAT(world.out, Not(HasSubstr("Änne")));
  EXPECT_THAT(world.out, HasSubstr("Bo"));
  EXPECT_EQ(world.Run({"voices", "--language", "e"}), 0);
  EXPECT_EQ(world.out, "no voices for e\n");
}

TEST(Cli, Status) {
  World world;
  world.daemon.Answer(
      "GET /health",
      R"({"status":"ok","engine":"hostler","version":"9.8","protocol":1,"features":[],"uptime_s":200,"models_loaded":1})");
  world.daemon.Answer("GET /models", std::string(kModels));
  world.surroundings.environment.erase("HOSTLER_SERVER");
  world.WriteDaemonFile(world.daemon.url());
  EXPECT_EQ(world.Run({"status"}), 0);
  EXPECT_EQ(world.out, "server   " + world.daemon.url() + "  ok\nversion  9.8\nup       3 min\nhome     " +
                           world.Path("state").string() +
                           "\nloaded   1 of 2 models, 12.3 MB\n\nMODEL   TYPE   MEMORY  LAST USED\nespeak  tts   12.3 MB  -\n");
  EXPECT_EQ(world.Run({"status", "--json"}), 0);
  const auto document = boost::json::parse(world.out);
  EXPECT_EQ(document.at("health").at("version"), "9.8");
  EXPECT_EQ(document.at("models").as_array().size(), 1U);
}

TEST(Cli, Crashes) {
  World world;
  world.daemon.Answer("GET /api/crashes",
                      R"json({"crashes":[{"id":"c1","model":"espeak","time":"2026-01-15T10:30:45Z",
                      "reason":"signal 11 (SIGSEGV)","exit":{"signalled":true,"status":11}}]})json");
  world.daemon.Answer("GET /api/crashes/c1",
                      R"({"id":"c1","exit":{"signal":11},"log":["one","two"],"tried":[{"what":"restart"}],"none":[]})");
  EXPECT_EQ(world.Run({"crashes"}), 0);
  EXPECT_THAT(world.out, HasSubstr("c1     espeak  2026-01-15T10:30:45Z  signal 11 (SIGSEGV)"));
  EXPECT_EQ(world.Run({"crashes", "c1"}), 0);
  EXPECT_EQ(world.out, "id: c1\nexit:\n  signal: 11\nlog:\n  one\n  two\ntried:\n  -\n    what: restart\nnone: []\n");
  EXPECT_EQ(world.Run({"crashes", "c2"}), 4);
}

TEST(Cli, ServeGetsItsFlags) {
  World world;
  ServeRequest asked;
  world.serve = [&](const ServeRequest& request) {
    asked = request;
    return 7;
  };
  EXPECT_EQ(world.Run({"serve", "--port", "0", "--insecure", "--preload=", "--autoload", "false", "--home", "/h", "--config",
                       "/c.toml"}),
            7);
  EXPECT_EQ(asked.config_file, "/c.toml");
  EXPECT_EQ(asked.flags, (config::Flags{{"server.port", "0"},
                                        {"server.insecure", "true"},
                                        {"models.preload", ""},
                                        {"models.autoload", "false"},
                                        {"home", "/h"}}));
  EXPECT_EQ(world.Run({"--home", "/g", "serve"}), 7);
  EXPECT_EQ(asked.flags, (config::Flags{{"home", "/g"}}));
}

TEST(Cli, EveryKeyIsAFlagOfServe) {
  World world;
  EXPECT_EQ(world.Run({"help", "serve"}), 0);
  for (const config::KeyInfo& key : config::Keys()) EXPECT_THAT(world.out, HasSubstr(key.flag));
}

TEST(Cli, MistakesNameWhatWasMeant) {
  World world;
  EXPECT_EQ(world.Run({"spaek", "hello"}), 2);
  EXPECT_EQ(world.err, "hostler: there is no command \"spaek\"\n  → Did you mean speak?\n");
  EXPECT_EQ(world.Run({"serve", "--prot", "1"}), 2);
  EXPECT_EQ(world.err, "hostler: there is no option --prot\n  → Did you mean --port?\n");
  EXPECT_EQ(world.Run({"load"}), 2);
  EXPECT_THAT(world.err, HasSubstr("model"));
  EXPECT_EQ(world.Run({"load", "a", "b"}), 2);
  EXPECT_THAT(world.err, HasSubstr("\"b\" is one word too many"));
  EXPECT_EQ(world.Run({"speak", "x", "--speed", "fast"}), 2);
  EXPECT_EQ(world.Run({"help", "spaek"}), 2);
  EXPECT_EQ(world.Run({"logs", "-n", "-1"}), 2);
}

TEST(Cli, HelpAndVersion) {
  World world;
  EXPECT_EQ(world.Run({}), 0);
  for (const char* command : {"serve", "status", "models", "load", "unload", "ps", "speak", "transcribe", "voices", "logs",
                              "crashes", "conform", "config", "version", "completion", "help"}) {
    EXPECT_THAT(world.out, HasSubstr(std::string("\n  ") + command + " "));
  }
  EXPECT_THAT(world.out, Not(HasSubstr("__complete")));
  EXPECT_THAT(world.out, HasSubstr("130  interrupted"));
  EXPECT_EQ(world.Run({"--version"}), 0);
  EXPECT_EQ(world.out, "hostler " HOSTLER_VERSION "\n");
  EXPECT_EQ(world.Run({"version", "--json"}), 0);
  EXPECT_EQ(world.out, "{\"version\":\"" HOSTLER_VERSION "\"}\n");
  EXPECT_EQ(world.Run({"speak", "--help"}), 0);
  EXPECT_THAT(world.out, HasSubstr("Usage: hostler speak"));
  EXPECT_EQ(world.Run({"config", "show", "--help"}), 0);
  EXPECT_THAT(world.out, HasSubstr("Usage: hostler config show"));
}

TEST(Cli, ConfigShow) {
  World world;
  world.Write("state/hostler.toml", "[server]\nport = 9\n");
  world.surroundings.environment["HOSTLER_HOST"] = "::1";
  EXPECT_EQ(world.Run({"config", "show"}), 0);
  EXPECT_THAT(world.out, ::testing::ContainsRegex("server.port +9 +" + world.Path("state/hostler.toml").string() + ":2\n"));
  EXPECT_THAT(world.out, ::testing::ContainsRegex("server.host +\"::1\" +HOSTLER_HOST\n"));
  EXPECT_THAT(world.out, ::testing::ContainsRegex("log.level +\"INFO\" +default\n"));
  EXPECT_EQ(world.Run({"config", "show", "--json"}), 0);
  const auto document = boost::json::parse(world.out);
  EXPECT_EQ(document.at("settings").at(0).at("key"), "home");
  world.Write("state/hostler.toml", "[server]\nprot = 9\n");
  EXPECT_EQ(world.Run({"config", "show"}), 2);
  EXPECT_THAT(world.err, HasSubstr("hostler.toml:2: server.prot: unknown key\n  → Did you mean server.port?"));
}

TEST(Cli, CompleteWordsForShells) {
  World world;
  world.daemon.Answer("GET /models", std::string(kModels));
  EXPECT_EQ(world.Run({"__complete", "models"}), 0);
  EXPECT_EQ(world.out, "ears\nespeak\n");
  EXPECT_EQ(world.Run({"__complete", "models", "--server", DeadUrl()}), 0);
  EXPECT_THAT(world.out + world.err, IsEmpty());
}

// A real bash completes with the generated script; `hostler` in it is a function that answers as the hidden command does.
std::string CompleteInBash(World& world, const std::string& line) {
  world.Run({"completion", "bash"});
  world.Write("completion.bash", world.out);
  world.Write("ask.bash",
              "hostler() { if [[ \"$1 $2\" == '__complete models' ]]; then printf 'espeak\\nears\\n'; fi; }\nsource '" +
                  world.Path("completion.bash").string() + "'\nCOMP_WORDS=(" + line +
                  ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_hostler\nprintf '%s\\n' \"${COMPREPLY[@]}\" > '" +
                  world.Path("reply").string() + "'\n");
  EXPECT_EQ(std::system(("bash '" + world.Path("ask.bash").string() + "'").c_str()), 0);
  return world.Read("reply");
}

TEST(Cli, BashCompletes) {
  World world;
  EXPECT_EQ(CompleteInBash(world, "hostler spe"), "speak\n");
  EXPECT_EQ(CompleteInBash(world, "hostler load es"), "espeak\n");
  EXPECT_EQ(CompleteInBash(world, "hostler speak hello --model e"), "espeak\nears\n");
  EXPECT_EQ(CompleteInBash(world, "hostler models --type t"), "tts\n");
  EXPECT_EQ(CompleteInBash(world, "hostler config ''"), "show\n");
  EXPECT_EQ(CompleteInBash(world, "hostler config show --con"), "--config\n");
  EXPECT_EQ(CompleteInBash(world, "hostler serve --max-u"), "--max-upload-mb\n");
}

TEST(Cli, OtherShells) {
  World world;
  EXPECT_EQ(world.Run({"completion", "zsh"}), 0);
  EXPECT_THAT(world.out, StartsWith("#compdef hostler\n"));
  EXPECT_EQ(world.Run({"completion", "fish"}), 0);
  EXPECT_THAT(
      world.out,
      HasSubstr("complete -c hostler -n '__fish_seen_subcommand_from load' -x -a '(hostler __complete models 2>/dev/null)'\n"));
  EXPECT_THAT(world.out,
              HasSubstr("-n '__fish_seen_subcommand_from config; and __fish_seen_subcommand_from show' -l config -r -F"));
  EXPECT_EQ(world.Run({"completion", "csh"}), 2);
}

TEST(Cli, ConformOfWhatIsNoEngine) {
  World world;
  EXPECT_NE(world.Run({"conform", world.Path("nothing").string()}), 0);
  EXPECT_THAT(world.err, StartsWith("hostler: "));
  EXPECT_EQ(world.Run({"conform", DeadUrl()}), 3) << world.err;
  // A daemon that knows no route of the protocol fails checks, one line each.
  world.daemon.Answer("GET /health", R"({"status":"ok"})");
  EXPECT_EQ(world.Run({"conform", world.daemon.url()}), 1) << world.err;
  EXPECT_THAT(world.out, HasSubstr("FAILED   "));
  EXPECT_EQ(world.Run({"conform", world.daemon.url(), "--json"}), 1);
  const auto document = boost::json::parse(world.out);
  EXPECT_EQ(document.at("passed"), false);
  EXPECT_GT(document.at("checks").as_array().size(), 0U);
}

TEST(Cli, InterruptedWhileItWaits) {
  World world;
  world.daemon.Handle("POST /models/load", [](http::Exchange&) -> Task<> {
    ::kill(::getpid(), SIGINT);
    co_await Sleep(std::chrono::hours(1));  // until the client hangs up
  });
  EXPECT_EQ(world.Run({"load", "x"}), 130);
  EXPECT_THAT(world.err, IsEmpty());
}

}  // namespace
}  // namespace hostler::cli

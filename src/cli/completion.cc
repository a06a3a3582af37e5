#include "cli/completion.h"

#include <fmt/format.h>

#include "base/text.h"
#include "cli/exit_code.h"

namespace hostler::cli {
namespace {

// Every command with its path: "config show".
struct Flat {
  std::string path;
  const CommandInfo* command;
};

void Flatten(const CommandInfo& command, const std::string& path, std::vector<Flat>& out) {
  out.push_back({path, &command});
  for (const CommandInfo& inner : command.commands) Flatten(inner, path.empty() ? inner.name : path + " " + inner.name, out);
}

std::string Words(const std::vector<std::string>& values) {
  return Join(values, " ");
}

std::string FlagWords(const CommandInfo& command) {
  std::vector<std::string> words;
  for (const FlagInfo& flag : command.flags) words.insert(words.end(), flag.names.begin(), flag.names.end());
  return Words(words);
}

std::string CommandWords(const CommandInfo& command) {
  std::vector<std::string> words;
  words.reserve(command.commands.size());
  for (const CommandInfo& inner : command.commands) words.push_back(inner.name);
  return Words(words);
}

// 'text' for a shell.
std::string Single(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

constexpr std::string_view kBash = R"sh(# Completion of hostler for bash.  Use:  source <(hostler completion bash)
_hostler_words() {
  case "$1" in
    @models) COMPREPLY=($(compgen -W "$(hostler __complete models 2>/dev/null)" -- "$2")) ;;
    @voices) COMPREPLY=($(compgen -W "$(hostler __complete voices 2>/dev/null)" -- "$2")) ;;
    @files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$2")) ;;
    @folders) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$2")) ;;
    *) COMPREPLY=($(compgen -W "$1" -- "$2")) ;;
  esac
}
_hostler() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"
  local command='' words='' flags='' found='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${command:+$command }${COMP_WORDS[i]}" in
%PATHS%    esac
  done
  COMPREPLY=()
  case "$command|$previous" in
%VALUES%  esac
  if [[ -n $found ]]; then _hostler_words "$words" "$current"; return; fi
  case "$command" in
%FLAGS%  esac
  if [[ $current == -* ]]; then _hostler_words "$flags" "$current"; return; fi
  case "$command" in
%WORDS%  esac
  if [[ -n $words ]]; then _hostler_words "$words" "$current"; fi
}
complete -F _hostler hostler
)sh";

void Put(std::string& text, std::string_view mark, const std::string& what) {
  text.replace(text.find(mark), mark.size(), what);
}

// bash and zsh share one function: zsh runs it through bashcompinit, so that there is one thing to get right.
std::string Bash(const CommandInfo& root) {
  std::vector<Flat> all;
  Flatten(root, "", all);
  std::string flags;
  std::string values;
  std::string commands;
  std::string positionals;
  std::string paths;
  for (const auto& [path, command] : all) {
    if (!path.empty()) paths += fmt::format("      {}) command={} ;;\n", Single(path), Single(path));
    flags += fmt::format("    {}) flags={} ;;\n", Single(path), Single(FlagWords(*command)));
    if (!command->commands.empty())
      commands += fmt::format("    {}) words={} ;;\n", Single(path), Single(CommandWords(*command)));
    else if (!command->positional.empty())
      positionals += fmt::format("    {}) words={} ;;\n", Single(path), Single(command->positional));
    for (const FlagInfo& flag : command->flags) {
      if (!flag.takes_value) continue;
      for (const std::string& name : flag.names)
        values += fmt::format("    {}) words={}; found=1 ;;\n", Single(path + "|" + name), Single(Words(flag.values)));
    }
  }
  std::string script(kBash);
  Put(script, "%PATHS%", paths);
  Put(script, "%VALUES%", values);
  Put(script, "%FLAGS%", flags);
  Put(script, "%WORDS%", commands + positionals);
  return script;
}

std::string Zsh(const CommandInfo& root) {
  std::string script = Bash(root);
  script.erase(0, script.find('\n') + 1);
  return "#compdef hostler\n# Completion of hostler for zsh.  Use:  source <(hostler completion zsh)\nautoload -U +X "
         "bashcompinit && bashcompinit\n" +
         script;
}

std::string FishValues(const std::vector<std::string>& values) {
  if (values.size() == 1) {
    if (values[0] == "@models") return " -x -a '(hostler __complete models 2>/dev/null)'";
    if (values[0] == "@voices") return " -x -a '(hostler __complete voices 2>/dev/null)'";
    if (values[0] == "@files") return " -r -F";
    if (values[0] == "@folders") return " -x -a '(__fish_complete_directories)'";
  }
  return values.empty() ? " -x" : " -x -a " + Single(Words(values));
}

std::string Fish(const CommandInfo& root) {
  std::vector<Flat> all;
  Flatten(root, "", all);
  std::string script = "# Completion of hostler for fish.  Use:  hostler completion fish | source\ncomplete -c hostler -f\n";
  for (const auto& [path, command] : all) {
    std::string condition = "__fish_use_subcommand";
    if (!path.empty()) {
      std::vector<std::string> parts;
      for (const std::string_view part : Split(path, ' ')) parts.push_back("__fish_seen_subcommand_from " + std::string(part));
      condition = Join(parts, "; and ");
    }
    for (const CommandInfo& inner : command->commands) {
      script += fmt::format("complete -c hostler -n {} -a {} -d {}\n", Single(condition), Single(inner.name), Single(inner.help));
    }
    for (const FlagInfo& flag : command->flags) {
      std::string line = "complete -c hostler -n " + Single(condition);
      for (const std::string& name : flag.names)
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (flag.takes_value) line += FishValues(flag.values);
      script += line + " -d " + Single(flag.help) + "\n";
    }
    if (!command->positional.empty())
      script += "complete -c hostler -n " + Single(condition) + FishValues({command->positional}) + "\n";
  }
  return script;
}

}  // namespace

Result<std::string> CompletionScript(const std::string& shell, const CommandInfo& root) {
  if (shell == "bash") return Bash(root);
  if (shell == "zsh") return Zsh(root);
  if (shell == "fish") return Fish(root);
  return UsageError(fmt::format("there is no completion for \"{}\"", shell), "Shells are: bash, zsh, fish.");
}

}  // namespace hostler::cli

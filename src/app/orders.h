// What the runners of tasks are told, kept as JSON with the task; and what people name a thing on disk by.
//
// Plain values; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/house.h"
#include "model/repo.h"

namespace hostler::app {

// Something that can be downloaded or deleted: an entry of the catalogue, or a repository of which it knows nothing.
struct Subject {
  std::string id;                         // as the user names it; the task's key
  const catalog::Entry* entry = nullptr;  // null: not in the catalogue
  model::Repo repo;
  std::string revision = "main";
  model::Selection files;
};

// `unmanaged`: repositories that are not in the catalogue are meant too; `datasets/NAME` and `spaces/NAME` name other kinds.
// Errors: kInvalid named `not_curated`, with the nearest id, or for what no repository can be called.
[[nodiscard]] Result<Subject> FindSubject(const House& house, const std::string& id, bool unmanaged);

struct FetchOrder {
  model::RepoKind kind = model::RepoKind::kModel;
  std::string repository;
  std::string revision;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  bool whole = false;  // the catalogue's own selection and revision: afterwards the model is complete and is linked into models/
};
BOOST_DESCRIBE_STRUCT(FetchOrder, (), (kind, repository, revision, include, exclude, whole))

struct RemoveOrder {
  model::RepoKind kind = model::RepoKind::kModel;
  std::string repository;
  std::string revision;  // empty: all
  bool unmanaged = false;
  bool at_once = false;  // not kept in the trash
  std::string digest;    // of what the user was shown, but for what was in memory
};
BOOST_DESCRIBE_STRUCT(RemoveOrder, (), (kind, repository, revision, unmanaged, at_once, digest))

struct VerifyOrder {
  model::RepoKind kind = model::RepoKind::kModel;
  std::string repository;
  std::string revision;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  bool repair = false;  // wrong files are removed and fetched again
};
BOOST_DESCRIBE_STRUCT(VerifyOrder, (), (kind, repository, revision, include, exclude, repair))

// An order that was kept. kInternal if it cannot be read: it is of another version.
template <class Order>
[[nodiscard]] Result<Order> ReadOrder(const std::string& payload) {
  auto order = json::Parse<Order>(payload, json::Unknown::kIgnore);
  if (order) return std::move(*order);
  return Fail(Code::kInternal, "the task was begun by another version of hostler: " + order.error().Text(), "Start it again.");
}

// What starting a task led to.
struct Begun {
  model::ModelId model_id;
  tasks::Operation operation = tasks::Operation::kDownload;
  std::optional<tasks::Record> task;  // none: nothing had to be done
  std::string outcome;                // "started", "joined", "already_installed", "not_installed"
  std::vector<std::string> warnings;
};

}  // namespace hostler::app

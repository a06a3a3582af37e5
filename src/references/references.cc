#include "references/references.h"

#include <fmt/format.h>

namespace hostler::references {
namespace {

constexpr std::size_t kMost = 200;  // characters

// Anything that a program may call its things, as long as it can be shown on one line.
Result<> CheckWord(const std::string& text, const std::string& field) {
  const auto wrong = [&](std::string message, std::string remedy) {
    return Fail(Error{Code::kInvalid, std::move(message), std::move(remedy), field, {}});
  };
  const std::optional<std::size_t> length = Utf8Length(text);
  if (!length) return wrong("this is not valid UTF-8", "Send it in UTF-8.");
  if (Trim(text).empty()) return wrong("this is empty", "Say who refers to which model.");
  if (*length > kMost) return wrong(fmt::format("this has {} characters; {} are allowed", *length, kMost), "Shorten it.");
  if (Printable(text) != text) return wrong("there are control characters in this", "Take them out.");
  return {};
}

Reference ReadReference(const db::Row& row) {
  // The table's check lets no other kinds in.
  return {row.Text(0), json::EnumFromName<Kind>(row.Text(1)).value_or(Kind::kCollection), row.Text(2), row.Text(3)};
}

}  // namespace

References::References(db::Database& database) : database_(database) {}

Result<> References::Put(const Reference& reference) {
  HOSTLER_OK(CheckWord(reference.holder, "holder"));
  HOSTLER_OK(CheckWord(reference.name, "name"));
  HOSTLER_OK(CheckWord(reference.model_id, "model_id"));
  HOSTLER_TRY(db::Transaction transaction, database_.Begin(db::Durability::kPower));
  HOSTLER_OK(
      database_.Run("INSERT INTO model_references (holder, kind, name, model_id) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (holder, kind, name) DO UPDATE SET model_id = excluded.model_id",
                    reference.holder, json::EnumName(reference.kind), reference.name, reference.model_id));
  return transaction.Commit();
}

Result<std::size_t> References::Drop(const std::string& holder, std::optional<Kind> kind,
                                     const std::optional<std::string>& name) {
  HOSTLER_OK(CheckWord(holder, "holder"));
  if (name) HOSTLER_OK(CheckWord(*name, "name"));
  std::optional<std::string> kind_name;
  if (kind) kind_name = json::EnumName(*kind);
  HOSTLER_TRY(db::Transaction transaction, database_.Begin(db::Durability::kPower));
  HOSTLER_TRY(
      const std::size_t dropped,
      database_.Run("DELETE FROM model_references WHERE holder = ?1 AND (?2 IS NULL OR kind = ?2) AND (?3 IS NULL OR name = ?3)",
                    holder, kind_name, name));
  HOSTLER_OK(transaction.Commit());
  return dropped;
}

Result<std::vector<Reference>> References::List(const std::optional<std::string>& holder) {
  if (holder) HOSTLER_OK(CheckWord(*holder, "holder"));
  std::vector<Reference> list;
  HOSTLER_OK(database_.Each(
      "SELECT holder, kind, name, model_id FROM model_references WHERE ?1 IS NULL OR holder = ?1"
      " ORDER BY holder, kind, name",
      [&](const db::Row& row) { list.push_back(ReadReference(row)); }, holder));
  return list;
}

Result<std::vector<Reference>> References::Of(const model::ModelId& id) {
  std::vector<Reference> list;
  HOSTLER_OK(database_.Each(
      "SELECT holder, kind, name, model_id FROM model_references WHERE model_id = ? ORDER BY holder, kind, name",
      [&](const db::Row& row) { list.push_back(ReadReference(row)); }, id));
  return list;
}

Result<std::map<model::ModelId, std::vector<Reference>>> References::ByModel() {
  std::map<model::ModelId, std::vector<Reference>> by_model;
  HOSTLER_OK(database_.Each("SELECT holder, kind, name, model_id FROM model_references ORDER BY model_id, holder, kind, name",
                            [&](const db::Row& row) {
                              Reference reference = ReadReference(row);
                              by_model[reference.model_id].push_back(std::move(reference));
                            }));
  return by_model;
}

}  // namespace hostler::references

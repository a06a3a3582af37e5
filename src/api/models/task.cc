#include "api/models/task.h"

namespace hostler::api::models {

TaskBody BodyOf(const tasks::Record& record) {
  TaskBody body;
  body.task_id = record.id;
  body.model_id = record.key;
  body.operation = record.operation;
  body.status = record.status;
  const tasks::Progress& progress = record.progress;
  if (record.operation != tasks::Operation::kDelete) {
    body.bytes_downloaded = progress.bytes_done;
    body.bytes_total = progress.bytes_total;
  }
  if (record.error && record.status == tasks::Status::kFailed) {
    const ErrorEnvelope envelope = EnvelopeOf(*record.error);
    body.error = envelope.error.message;
    body.error_class = envelope.error.code;
    body.remedy = envelope.error.remedy;
  } else if (record.error) {
    body.last_problem = record.error->Text();
  }
  body.updated_at = record.updated_at;
  body.created_at = record.created_at;
  body.phase = progress.phase;
  body.attempt = record.attempt;
  body.next_attempt_at = record.next_attempt_at;
  if (!tasks::IsFinished(record.status)) {
    body.speed_bytes_per_s = progress.speed_bytes_per_s;
    body.eta_s = progress.eta_s;
  }
  body.files_done = progress.files_done;
  body.files_total = progress.files_total;
  for (const tasks::FileProgress& file : progress.files) body.files.push_back({file.name, file.state, file.bytes, file.size});
  body.warnings = progress.warnings;
  return body;
}

TaskReply ReplyOf(const app::Begun& begun) {
  TaskReply reply;
  reply.model_id = begun.model_id;
  reply.operation = begun.operation;
  reply.status = tasks::Status::kCompleted;
  if (begun.task) {
    reply.task_id = begun.task->id;
    reply.status = begun.task->status;
  }
  reply.outcome = begun.outcome;
  reply.warnings = begun.warnings;
  return reply;
}

}  // namespace hostler::api::models

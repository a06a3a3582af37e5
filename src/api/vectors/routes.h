// Vectors and scores of texts, in the dialects that people's clients speak: OpenAI's embeddings; rerank as Jina, Cohere and
// text-embeddings-inference have it; sparse vectors (hostler's own, and text-embeddings-inference's). Three use cases, whoever
// asks.
//
// Unknown fields are passed over and named in X-Hostler-Ignored-Fields, but for hostler's own routes, where they are errors.
#pragma once

#include "api/door.h"

namespace hostler::api::vectors {

void AddEmbeddings(Door& door);
void AddRerank(Door& door);
void AddSparse(Door& door);

}  // namespace hostler::api::vectors

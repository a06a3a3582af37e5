# llama-server, with three changes that are ours: its main() (main.cc), no web page, and a disconnect that is noticed within a second
# even while other requests produce results.
set(S ${LLAMA_SOURCE}/tools/server)
set(generated ${CMAKE_BINARY_DIR}/generated)
file(CONFIGURE OUTPUT ${generated}/ui.h @ONLY CONTENT [=[
#pragma once
#include <array>
#include <cstddef>
#include <string>
struct llama_ui_asset { std::string name; const unsigned char * data; std::size_t size; std::string etag; std::string type; };
inline const llama_ui_asset * llama_ui_find_asset(const std::string &) { return nullptr; }
inline bool llama_ui_use_gzip() { return false; }
inline const std::array<llama_ui_asset, 0> & llama_ui_get_assets() { static const std::array<llama_ui_asset, 0> e{}; return e; }
]=])

# Its wait for results begins anew with each result of anybody: with a deadline instead, it looks at its own client every second.
set(patched ${generated}/server-queue.cpp)
file(READ ${S}/server-queue.cpp text)
set(head "server_response::recv_with_timeout(const std::unordered_set<int> & id_tasks, int timeout) {\n")
set(wait "condition_results.wait_for(lock, std::chrono::seconds(timeout))")
foreach(part IN ITEMS "${head}" "${wait}")
  string(FIND "${text}" "${part}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "server-queue.cpp of llama.cpp changed: look at this change of ours again (${CMAKE_CURRENT_LIST_FILE})")
  endif()
endforeach()
string(REPLACE "${head}" "${head}    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(timeout);\n" text "${text}")
string(REPLACE "${wait}" "condition_results.wait_until(lock, deadline)" text "${text}")
file(CONFIGURE OUTPUT ${patched} CONTENT "${text}" @ONLY)

add_executable(llama-server
  ${CMAKE_CURRENT_SOURCE_DIR}/main.cc ${S}/server.cpp ${S}/server-http.cpp ${S}/server-models.cpp ${S}/server-chat.cpp ${S}/server-task.cpp
  ${patched} ${S}/server-common.cpp ${S}/server-context.cpp ${S}/server-stream.cpp ${S}/server-tools.cpp
  ${S}/server-mcp.cpp ${S}/server-schema.cpp)
# cpp-httplib comes out of libllama-common.so, which exports all of it: so CPPHTTPLIB_OPENSSL_SUPPORT must never be defined here.
target_compile_definitions(llama-server PRIVATE LLAMA_SUBPROCESS)
target_include_directories(llama-server SYSTEM PRIVATE ${S} ${generated})
target_link_libraries(llama-server PRIVATE mtmd llama)

# What a model would take, without reading its weights: the same arguments as llama-server.
add_executable(hostler-llama-fit ${CMAKE_CURRENT_SOURCE_DIR}/fit.cc)
target_compile_definitions(hostler-llama-fit PRIVATE LLAMA_SUBPROCESS)
target_link_libraries(hostler-llama-fit PRIVATE llama)

set_target_properties(llama-server hostler-llama-fit PROPERTIES
  RUNTIME_OUTPUT_DIRECTORY ${LLAMA_FOLDER} BUILD_WITH_INSTALL_RPATH ON INSTALL_RPATH "$ORIGIN")

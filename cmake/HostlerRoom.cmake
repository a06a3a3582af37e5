# hostler_room(NAME [SHARED] SOURCES file... DEPS room... [LIBS library...] [TESTS file...] [TEST_DEPS room...])
#
# One folder is one library. DEPS lists every room whose headers this one may include: `tests/arrows_test.py` reads
# these calls and every #include, and fails on an arrow that is not declared here. LIBS are third-party libraries.
# TESTS become one program NAME_test; TEST_DEPS are further rooms that only the tests use.
function(hostler_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;DEPS;LIBS;TESTS;TEST_DEPS" ${ARGN})
  if(ROOM_SOURCES)
    add_library(hostler_${name} STATIC ${ROOM_SOURCES})
    target_link_libraries(hostler_${name} PUBLIC hostler_flags)
    hostler_use_pch(hostler_${name})
    set(scope PUBLIC)
  else()
    add_library(hostler_${name} INTERFACE)
    target_link_libraries(hostler_${name} INTERFACE hostler_flags)
    set(scope INTERFACE)
  endif()
  foreach(dep ${ROOM_DEPS})
    target_link_libraries(hostler_${name} ${scope} hostler_${dep})
  endforeach()
  target_link_libraries(hostler_${name} ${scope} ${ROOM_LIBS})
  if(ROOM_TESTS AND HOSTLER_TESTS)
    hostler_test(${name}_test SOURCES ${ROOM_TESTS} DEPS ${name} ${ROOM_TEST_DEPS})
  endif()
endfunction()

# hostler_test(NAME SOURCES file... DEPS room...): one GoogleTest program, one ctest entry.
function(hostler_test name)
  cmake_parse_arguments(TEST "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${TEST_SOURCES})
  hostler_use_pch(${name})
  foreach(dep ${TEST_DEPS})
    target_link_libraries(${name} PRIVATE hostler_${dep})
  endforeach()
  target_link_libraries(${name} PRIVATE GTest::gmock GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT 240)
endfunction()

# hostler_program(NAME SOURCES file... DEPS room... [LIBS library...]): an executable, left in <build>/bin.
function(hostler_program name)
  cmake_parse_arguments(PROGRAM "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_executable(${name} ${PROGRAM_SOURCES})
  hostler_use_pch(${name})
  foreach(dep ${PROGRAM_DEPS})
    target_link_libraries(${name} PRIVATE hostler_${dep})
  endforeach()
  target_link_libraries(${name} PRIVATE ${PROGRAM_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# hostler_migrations(ROOM file.sql...): a room's numbered .sql files as NAMESPACE::kMigrations, in the order given, for db::Chapter.
# Writes migrations.cc into the build folder and its name into MIGRATIONS_SOURCE, for the room's SOURCES.
function(hostler_migrations room)
  set(steps "")
  set(number 0)
  foreach(file ${ARGN})
    math(EXPR number "${number} + 1")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    file(READ ${file} sql)
    get_filename_component(name ${file} NAME_WE)
    if(NOT name MATCHES "^0*${number}_")
      message(FATAL_ERROR "${file}: expected number ${number}; migrations are numbered without gaps")
    endif()
    string(APPEND steps "    {${number}, \"${name}\", R\"sql(${sql})sql\"},\n")
  endforeach()
  set(output ${CMAKE_CURRENT_BINARY_DIR}/migrations.cc)
  file(CONFIGURE OUTPUT ${output} @ONLY CONTENT
"#include \"${room}/migrations.h\"

namespace hostler::${room} {
namespace {
constexpr db::Migration kSteps[] = {
${steps}};
}  // namespace
const db::Chapter kMigrations{\"${room}\", kSteps};
}  // namespace hostler::${room}
")
  set(MIGRATIONS_SOURCE ${output} PARENT_SCOPE)
endfunction()

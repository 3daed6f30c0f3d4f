# What the Python wheel carries: the package, the library in both precisions, the program, and the declarations that cffi
# reads, made from the headers. `pip install .` is the way in; pyproject.toml switches this on.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# The other precision of the same sources; the first is what this build makes anyway.
add_library(sab_python_double MODULE EXCLUDE_FROM_ALL ${sab_sources})
target_compile_definitions(sab_python_double PRIVATE SAB_DOUBLE)
add_library(sab_python_float MODULE EXCLUDE_FROM_ALL $<TARGET_OBJECTS:sab_objects> ${SAB_CUDA_OBJECTS})
foreach(precision float double)
    target_include_directories(sab_python_${precision} PRIVATE include src ${SAB_random123_INCLUDE})
    target_link_libraries(sab_python_${precision} PRIVATE sab_flags ${SAB_DEPENDENCIES})
    set_target_properties(sab_python_${precision} PROPERTIES OUTPUT_NAME sab_${precision} LINKER_LANGUAGE C)
endforeach()

set(folder ${CMAKE_CURRENT_BINARY_DIR}/declarations)
set(sab_declarations ${folder}/_float.py ${folder}/_double.py ${folder}/_version.py)
add_custom_command(OUTPUT ${sab_declarations}
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/python/make_declarations.py ${PROJECT_SOURCE_DIR}/include ${folder}
    DEPENDS ${PROJECT_SOURCE_DIR}/include/sab.h ${PROJECT_SOURCE_DIR}/include/sab_run.h
            ${PROJECT_SOURCE_DIR}/include/sab_comm.h ${PROJECT_SOURCE_DIR}/include/sab_cuda.h
            ${PROJECT_SOURCE_DIR}/python/make_declarations.py VERBATIM)
# The options as keywords come from the table of the library that was just built, which therefore must run here.
add_custom_command(OUTPUT ${folder}/_keywords.py
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/python/make_keywords.py ${folder}/_float.py
            $<TARGET_FILE:sab_python_float> ${folder}/_keywords.py
    DEPENDS ${folder}/_float.py sab_python_float ${PROJECT_SOURCE_DIR}/python/make_keywords.py VERBATIM)
add_custom_target(sab_python DEPENDS sab_python_float sab_python_double sab_program ${sab_declarations} ${folder}/_keywords.py)

install(DIRECTORY python/sab_rnn DESTINATION . COMPONENT python EXCLUDE_FROM_ALL
        FILES_MATCHING PATTERN "*.py" PATTERN "py.typed" PATTERN "__pycache__" EXCLUDE)
install(TARGETS sab_python_float sab_python_double LIBRARY DESTINATION sab_rnn/lib COMPONENT python EXCLUDE_FROM_ALL)
install(PROGRAMS $<TARGET_FILE:sab_program> DESTINATION sab_rnn/bin COMPONENT python EXCLUDE_FROM_ALL)
install(FILES ${sab_declarations} ${folder}/_keywords.py DESTINATION sab_rnn COMPONENT python EXCLUDE_FROM_ALL)

# The tests run on a copy in the build folder, by the interpreter that made the declarations.
if(SAB_TESTS)
    enable_testing()
    set(site ${CMAKE_CURRENT_BINARY_DIR}/site)
    add_test(NAME python_build COMMAND ${CMAKE_COMMAND} --build ${CMAKE_CURRENT_BINARY_DIR} --target sab_python)
    add_test(NAME python_stage COMMAND ${CMAKE_COMMAND} --install ${CMAKE_CURRENT_BINARY_DIR} --component python --prefix ${site})
    add_test(NAME python COMMAND ${Python3_EXECUTABLE} -m pytest -q -rs -p no:cacheprovider python/tests
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(python_build PROPERTIES FIXTURES_SETUP python_build TIMEOUT 1200 LABELS minutes)
    set_tests_properties(python_stage PROPERTIES FIXTURES_SETUP python_stage FIXTURES_REQUIRED python_build LABELS minutes)
    set_tests_properties(python PROPERTIES FIXTURES_REQUIRED python_stage TIMEOUT 600 LABELS minutes COST 15
                         SKIP_REGULAR_EXPRESSION "No module named pytest"
                         ENVIRONMENT "PYTHONPATH=${site};PYTHONDONTWRITEBYTECODE=1")
endif()

# What the Python wheel carries: the library in both precisions, the program, and the declarations that cffi reads, made
# from the header. pyproject.toml switches this on; `pip install .` is the way in.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# The other precision of the same sources; the first is what this build makes anyway.
add_library(sab_python_double MODULE EXCLUDE_FROM_ALL ${sab_sources})
target_compile_definitions(sab_python_double PRIVATE SAB_DOUBLE)
add_library(sab_python_float MODULE EXCLUDE_FROM_ALL $<TARGET_OBJECTS:sab_objects>)
foreach(precision float double)
    target_include_directories(sab_python_${precision} PRIVATE include src ${SAB_random123_INCLUDE})
    target_link_libraries(sab_python_${precision} PRIVATE sab_flags ${SAB_DEPENDENCIES})
    set_target_properties(sab_python_${precision} PROPERTIES OUTPUT_NAME sab_${precision} LINKER_LANGUAGE C)
endforeach()

set(sab_declarations ${CMAKE_CURRENT_BINARY_DIR}/declarations)
add_custom_command(OUTPUT ${sab_declarations}/_float.py ${sab_declarations}/_double.py
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/python/make_declarations.py
            ${PROJECT_SOURCE_DIR}/include/sab.h ${sab_declarations}
    DEPENDS ${PROJECT_SOURCE_DIR}/include/sab.h ${PROJECT_SOURCE_DIR}/python/make_declarations.py VERBATIM)
add_custom_target(sab_python DEPENDS sab_python_float sab_python_double sab_program
                                     ${sab_declarations}/_float.py ${sab_declarations}/_double.py)

install(TARGETS sab_python_float sab_python_double LIBRARY DESTINATION sab_rnn/lib COMPONENT python)
install(PROGRAMS $<TARGET_FILE:sab_program> DESTINATION sab_rnn/bin COMPONENT python)
install(FILES ${sab_declarations}/_float.py ${sab_declarations}/_double.py DESTINATION sab_rnn COMPONENT python)

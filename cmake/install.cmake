# What `cmake --install` puts where: headers, libraries, program, pkg-config file, CMake package.
include(CMakePackageConfigHelpers)

install(FILES include/sab.h include/sab_run.h include/sab_comm.h include/sab_cuda.h include/sab_mpi.h TYPE INCLUDE)
if(TARGET sab_program)
    install(TARGETS sab_program)
endif()

# The manual page and the completions, which the program prints: where it can run.
if(TARGET sab_program AND NOT CMAKE_CROSSCOMPILING)
    set(sab_manual_dir ${CMAKE_CURRENT_BINARY_DIR}/manual)
    add_custom_command(
        OUTPUT ${sab_manual_dir}/sab.1
        COMMAND ${CMAKE_COMMAND} -E make_directory ${sab_manual_dir}
        COMMAND sab_program manual man > ${sab_manual_dir}/sab.1
        COMMAND sab_program manual bash > ${sab_manual_dir}/sab
        COMMAND sab_program manual zsh > ${sab_manual_dir}/_sab
        COMMAND sab_program manual fish > ${sab_manual_dir}/sab.fish
        DEPENDS sab_program
        VERBATIM)
    add_custom_target(sab_manual ALL DEPENDS ${sab_manual_dir}/sab.1)
    install(FILES ${sab_manual_dir}/sab.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${sab_manual_dir}/sab DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
    install(FILES ${sab_manual_dir}/_sab DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
    install(FILES ${sab_manual_dir}/sab.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

# Two export sets, because only the static library needs the libraries beneath it to be found again.
install(TARGETS sab_shared EXPORT sabTargets)
install(TARGETS sab_static EXPORT sabStaticTargets)
set(sab_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sab)
install(EXPORT sabTargets NAMESPACE sab:: DESTINATION ${sab_cmake_dir})
install(EXPORT sabStaticTargets NAMESPACE sab:: DESTINATION ${sab_cmake_dir})
configure_package_config_file(cmake/sabConfig.cmake.in sabConfig.cmake INSTALL_DESTINATION ${sab_cmake_dir})
write_basic_package_version_file(sabConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sabConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/sabConfigVersion.cmake
              cmake/sabDependencies.cmake DESTINATION ${sab_cmake_dir})

# pkg-config. The prefix is taken from where the file lies, so that the installed tree can be moved.
file(RELATIVE_PATH sab_pc_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" sab_pc_prefix "${sab_pc_prefix}")
set(sab_pc_cflags "")
if(SAB_DOUBLE)
    set(sab_pc_cflags " -DSAB_DOUBLE")
endif()
set(sab_pc_libs_private "-lm -pthread")
configure_file(cmake/sab.pc.in sab.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/sab.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

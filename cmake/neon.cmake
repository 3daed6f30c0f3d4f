# Toolchain: 64-bit Arm from another Debian machine, run there by qemu-user. The preset `neon` uses it; `./run long` sets up
# what it needs. Libraries other than C's come from scripts/arm64-libraries, in SAB_ARM64.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

set(SAB_ARM64 ${CMAKE_CURRENT_LIST_DIR}/../build/arm64 CACHE PATH "where scripts/arm64-libraries put its libraries")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SAB_ARM64)
file(REAL_PATH ${SAB_ARM64} sab_arm64)
set(CMAKE_FIND_ROOT_PATH ${sab_arm64} /usr/aarch64-linux-gnu)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,-rpath-link,${sab_arm64}/lib/aarch64-linux-gnu")
set(CMAKE_CROSSCOMPILING_EMULATOR
    qemu-aarch64;-L;/usr/aarch64-linux-gnu;-E;LD_LIBRARY_PATH=${sab_arm64}/usr/lib/aarch64-linux-gnu:${sab_arm64}/lib/aarch64-linux-gnu)

# How everything is compiled: the target sab_flags carries it.
#
# -ffp-contract=off: the compiler fuses no multiply and add by its own choice; where a kernel wants a fused operation it
# writes fma(). So gcc, clang, -O0 and -O3 give the same bits.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_library(sab_flags INTERFACE)
target_compile_options(sab_flags INTERFACE
    -Wall -Wextra -Wno-missing-field-initializers -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -ffp-contract=off -fno-math-errno)
# gcc 12 for 64-bit Arm dies of an internal error where it turns a loop over fmax() into a vector reduction.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "aarch64" AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(sab_flags INTERFACE -fno-builtin-fmax)
endif()
if(SAB_DOUBLE)
    target_compile_definitions(sab_flags INTERFACE SAB_DOUBLE)
endif()
if(NOT SAB_THREADS)
    target_compile_definitions(sab_flags INTERFACE SAB_NO_THREADS)
endif()
if(SAB_SANITIZE)
    set(sab_sanitize_flags -fsanitize=${SAB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_compile_options(sab_flags INTERFACE ${sab_sanitize_flags})
    target_link_options(sab_flags INTERFACE ${sab_sanitize_flags})
    if(SAB_SANITIZE MATCHES "address") # so that fuzz targets, whose files are short, see CSV files read in pieces
        target_compile_definitions(sab_flags INTERFACE SAB_CSV_PIECE_NBYTES=48)
    endif()
endif()
if(SAB_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES Clang)
        message(FATAL_ERROR "SAB_FUZZ needs clang: cmake -DCMAKE_C_COMPILER=clang ... (Debian: apt-get install clang)")
    endif()
    target_compile_options(sab_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Kernels compiled once per instruction set: src/kernels/simd_SET.c gets that set's flags. The table that runs is chosen
# when the program runs, so the flags may ask for more than this machine has.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    set_source_files_properties(src/kernels/simd_avx2.c PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma")
    set_source_files_properties(src/kernels/simd_avx512.c PROPERTIES COMPILE_OPTIONS
        "-mavx512f;-mavx512vl;-mavx512dq;-mavx512bw;-mfma;-mprefer-vector-width=512")
endif()

# The GPU's files, compiled by nvcc in commands of their own: so the build needs no second language, and nvcc may be any that
# SAB_NVCC names.
if(SAB_DOUBLE)
    message(FATAL_ERROR "sab: SAB_CUDA and SAB_DOUBLE exclude each other: the kernels on the GPU are float")
endif()
find_program(SAB_NVCC nvcc PATHS /usr/local/cuda/bin $ENV{CUDA_HOME}/bin)
if(NOT SAB_NVCC)
    message(FATAL_ERROR "sab: SAB_CUDA needs nvcc 12 or later, which is not on the PATH: name it with -DSAB_NVCC=/path/to/nvcc")
endif()
get_filename_component(sab_cuda_home ${SAB_NVCC} REALPATH)
get_filename_component(sab_cuda_home ${sab_cuda_home}/../.. ABSOLUTE)
set(SAB_CUDA_ARCHITECTURES 80 90 CACHE STRING "compute capabilities to compile for")
find_library(SAB_CUDART cudart_static PATHS ${sab_cuda_home} PATH_SUFFIXES lib64 lib)
find_library(SAB_CUBLAS NAMES cublas libcublas.so.13 libcublas.so.12 PATHS ${sab_cuda_home} PATH_SUFFIXES lib64 lib)
foreach(name CUDART CUBLAS)
    if(NOT SAB_${name})
        message(FATAL_ERROR "sab: SAB_CUDA needs libcudart_static.a and libcublas.so, which are not under ${sab_cuda_home}: name them "
                "with -DSAB_CUDART= and -DSAB_CUBLAS=")
    endif()
endforeach()

set(sab_cuda_flags -std=c++17 -O3 -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/src -I${sab_cuda_home}/include
    -Xcompiler -fPIC,-fvisibility=hidden,-fno-exceptions,-fno-threadsafe-statics --diag-suppress 177)
foreach(architecture IN LISTS SAB_CUDA_ARCHITECTURES)
    list(APPEND sab_cuda_flags -gencode=arch=compute_${architecture},code=sm_${architecture})
endforeach()
file(GLOB sab_cuda_parts CONFIGURE_DEPENDS src/cuda/*.h src/cuda/*.inc src/remind/ledger.h src/remind/draw.h src/remind/read_kind.h
     src/base/random.h src/kernels/limits.h include/sab.h)
set(SAB_CUDA_OBJECTS "")
foreach(name machine_cuda kernels_cuda)
    set(object ${PROJECT_BINARY_DIR}/${name}.o)
    # The small kernels wait for memory; without fused operations they have the host's bits.
    set(extra "")
    if(name STREQUAL "machine_cuda")
        set(extra -fmad=false)
    endif()
    add_custom_command(OUTPUT ${object} COMMAND ${SAB_NVCC} ${sab_cuda_flags} ${extra} -c ${PROJECT_SOURCE_DIR}/src/cuda/${name}.cu
                       -o ${object} DEPENDS src/cuda/${name}.cu ${sab_cuda_parts} VERBATIM)
    list(APPEND SAB_CUDA_OBJECTS ${object})
endforeach()
list(APPEND SAB_DEPENDENCIES ${SAB_CUBLAS} ${SAB_CUDART} dl rt pthread)

function(sab_add_cuda target)
    target_compile_definitions(${target} PUBLIC SAB_CUDA)
endfunction()

# Finds the libraries that sab links and gives them as imported targets sab::xxhash, sab::png, ... in the list
# SAB_DEPENDENCIES. Used by the build and, installed beside sabConfig.cmake, by programs that link the static library.

# One library: header, library name and the Debian package that has both.
macro(sab_find_library name header library package)
    find_path(SAB_${name}_INCLUDE ${header})
    mark_as_advanced(SAB_${name}_INCLUDE)
    if(NOT SAB_${name}_INCLUDE)
        message(FATAL_ERROR "sab: <${header}> is missing. Debian: apt-get install ${package}")
    endif()
    find_library(SAB_${name}_LIBRARY ${library})
    mark_as_advanced(SAB_${name}_LIBRARY)
    if(NOT SAB_${name}_LIBRARY)
        message(FATAL_ERROR "sab: lib${library} is missing. Debian: apt-get install ${package}")
    endif()
    if(NOT TARGET sab::${name})
        add_library(sab::${name} UNKNOWN IMPORTED)
        set_target_properties(sab::${name} PROPERTIES IMPORTED_LOCATION "${SAB_${name}_LIBRARY}"
                              INTERFACE_INCLUDE_DIRECTORIES "${SAB_${name}_INCLUDE}")
    endif()
    list(APPEND SAB_DEPENDENCIES sab::${name})
endmacro()

macro(sab_find_dependencies)
    find_package(Threads REQUIRED)
    set(SAB_DEPENDENCIES m Threads::Threads)
    sab_find_library(xxhash xxhash.h xxhash libxxhash-dev)
    sab_find_library(png png.h png libpng-dev)
    sab_find_library(zlib zlib.h z zlib1g-dev)
endmacro()

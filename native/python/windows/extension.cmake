# lnx._core for Windows CPython, cross-built: the headers of the same Python version here, an import library made from python3XX.dll.
# LNX_WINDOWS_PYTHON names the folder that holds python3XX.dll; Python_EXECUTABLE must be of the same minor version.
find_program(LNX_GENDEF gendef REQUIRED)
find_program(LNX_DLLTOOL x86_64-w64-mingw32-dlltool REQUIRED)
set(ask "import sys, sysconfig, pybind11; print(f'{sys.version_info[0]}{sys.version_info[1]}', sysconfig.get_path('include'), pybind11.get_include(), sep=';')")
execute_process(COMMAND ${Python_EXECUTABLE} -c "${ask}" OUTPUT_VARIABLE told OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
list(GET told 0 version)
list(GET told 1 headers)
list(GET told 2 pybind11_headers)
set(library ${LNX_WINDOWS_PYTHON}/python${version}.dll)
if(NOT EXISTS ${library})
  message(FATAL_ERROR "${library} is missing: LNX_WINDOWS_PYTHON must hold CPython for Windows of the version of ${Python_EXECUTABLE}")
endif()
file(COPY ${headers}/ DESTINATION ${CMAKE_CURRENT_BINARY_DIR}/python-include FOLLOW_SYMLINK_CHAIN FILES_MATCHING PATTERN "*.h")
file(COPY ${CMAKE_CURRENT_LIST_DIR}/pyconfig.h DESTINATION ${CMAKE_CURRENT_BINARY_DIR}/python-include)

set(import ${CMAKE_CURRENT_BINARY_DIR}/libpython${version}.dll.a)
add_custom_command(OUTPUT ${import} DEPENDS ${library} WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR} VERBATIM
                   COMMAND ${LNX_GENDEF} ${library}
                   COMMAND ${LNX_DLLTOOL} -d python${version}.def -D python${version}.dll -l ${import})
add_custom_target(windows_python DEPENDS ${import})
file(GLOB core_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/../core*.cpp)
add_library(_core MODULE ${core_sources})
add_dependencies(_core windows_python)
set_target_properties(_core PROPERTIES PREFIX "" SUFFIX ".cp${version}-win_amd64.pyd")
target_include_directories(_core SYSTEM PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/python-include ${pybind11_headers})
target_link_libraries(_core PRIVATE lnx ${import})
target_link_options(_core PRIVATE -static -s -Wl,--dynamicbase,--nxcompat,--high-entropy-va,--no-insert-timestamp,--disable-auto-image-base)

# lnx.dll: how it is linked, its import library for Visual Studio, and the programs that tests/windows runs.
if(MSVC)
  target_link_options(lnx PRIVATE /DYNAMICBASE /HIGHENTROPYVA /NXCOMPAT /GUARD:CF /BREPRO)
else()
  # Same sources, same bytes: no time stamp, and an image base that does not depend on the output's name.
  target_link_options(lnx PRIVATE -static -s -Wl,--dynamicbase,--nxcompat,--high-entropy-va,--no-insert-timestamp
                      -Wl,--disable-auto-image-base,--output-def,${CMAKE_CURRENT_BINARY_DIR}/lnx.def)
  find_program(LNX_LLVM_DLLTOOL NAMES llvm-dlltool-19 llvm-dlltool)
  if(LNX_LLVM_DLLTOOL)
    # Short imports, which Microsoft's linker, lld and GNU ld all read.
    add_custom_command(TARGET lnx POST_BUILD BYPRODUCTS ${CMAKE_CURRENT_BINARY_DIR}/lnx.lib VERBATIM
                       COMMAND ${LNX_LLVM_DLLTOOL} -m i386:x86-64 -d ${CMAKE_CURRENT_BINARY_DIR}/lnx.def -D lnx.dll
                               -l ${CMAKE_CURRENT_BINARY_DIR}/lnx.lib)
  endif()
endif()

if(LNX_BUILD_TESTS)
  foreach(name unload exit_order)
    add_executable(windows_${name} tests/windows/${name}.cpp)
    target_include_directories(windows_${name} PRIVATE include)
    target_link_options(windows_${name} PRIVATE $<$<BOOL:${MINGW}>:-municode>)
  endforeach()
  target_link_libraries(windows_exit_order PRIVATE lnx)
  # The sample of examples/mfc without its window: everything that needs no MFC.
  set(sample ${PROJECT_SOURCE_DIR}/examples/mfc)
  add_executable(windows_inspection_window tests/windows/inspection_window.cpp ${sample}/FolderCamera.cpp ${sample}/InspectionWorker.cpp
                 ${sample}/Overlay.cpp ${sample}/StateText.cpp)
  target_include_directories(windows_inspection_window PRIVATE include ${sample})
  target_link_options(windows_inspection_window PRIVATE $<$<BOOL:${MINGW}>:-municode>)
  target_link_libraries(windows_inspection_window PRIVATE lnx gdi32)
endif()

# Compiler options for all of our code.
if(MSVC)
  add_compile_options(/W4 /permissive- /utf-8 /EHsc /guard:cf)
  add_compile_definitions(_CRT_SECURE_NO_WARNINGS)
  # The C runtime inside: lnx.dll loads everywhere, also where the one that ONNX Runtime needs is missing, and can say so.
  set(CMAKE_MSVC_RUNTIME_LIBRARY "MultiThreaded$<$<CONFIG:Debug>:Debug>")
else()
  add_compile_options(-Wall -Wextra -Wpedantic -Werror -ffp-contract=off)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options(-Wno-deprecated-declarations) # libstdc++ 12's own std::stable_sort
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)  # gcc 12 sees ghosts in std::variant
  if(CMAKE_UNITY_BUILD)
    add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)  # a unit includes its files; none of them is a header
  endif()
endif()
if(WIN32)
  add_compile_definitions(UNICODE _UNICODE NOMINMAX WIN32_LEAN_AND_MEAN _WIN32_WINNT=0x0A00)
endif()
foreach(sanitizer IN LISTS LNX_SANITIZE)  # lines of code in their reports come from the preset's -gline-tables-only
  add_compile_options(-fsanitize=${sanitizer} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${sanitizer})
endforeach()
if("undefined" IN_LIST LNX_SANITIZE)
  add_compile_options(-fno-sanitize-recover=undefined)
endif()
if(LNX_BUILD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # every room tells the fuzzer where it has been, not the target alone
endif()

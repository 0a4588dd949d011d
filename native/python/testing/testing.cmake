# lnx_testing: rooms of the core opened to the Python tests. Never installed.
pybind11_add_module(lnx_testing testing/testing.cpp testing/text.cpp testing/tiling.cpp testing/token.cpp testing/decode_binding.cpp)
target_include_directories(lnx_testing PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(lnx_testing PRIVATE lnx_session lnx_token lnx_container lnx_image lnx_manifest)

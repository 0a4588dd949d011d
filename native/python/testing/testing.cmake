# lnx_testing: rooms of the core opened to the Python tests. Never installed.
pybind11_add_module(lnx_testing testing/testing.cpp)
target_link_libraries(lnx_testing PRIVATE lnx_container lnx_image lnx_manifest)

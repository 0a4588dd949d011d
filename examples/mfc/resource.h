// Identifiers of Inspect.rc.
#pragma once

#define IDD_INSPECT 100
#define IDD_ABOUT 101
#define IDC_MODEL 1001
#define IDC_FOLDER 1002
#define IDC_KEY 1003
#define IDC_DEVICE 1004
#define IDC_START 1005
#define IDC_PICTURE 1006
#define IDC_OK_COUNT 1007
#define IDC_NG_COUNT 1008
#define IDC_REVIEW_COUNT 1009
#define IDC_FAILED_COUNT 1010
#define IDC_LICENCE 1011
#define IDC_GPU 1012
#define IDC_TELLS 1013
#define IDC_ABOUT 1014

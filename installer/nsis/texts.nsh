; Every text of the setup program, English and Korean side by side.
!macro Text name en ko
  LangString ${name} ${LANG_ENGLISH} `${en}`
  LangString ${name} ${LANG_KOREAN} `${ko}`
!macroend
!define Text "!insertmacro Text"

${Text} ATTRIBUTION "${ATTRIBUTION_EN}" "${ATTRIBUTION_KO}"
${Text} WELCOME_NEW "LNX Edge ${VERSION}$\r$\n$\r$\nNo internet connection is needed. The runtime pack is chosen by this PC's NVIDIA driver and GPU.$\r$\n$\r$\n${ATTRIBUTION_EN}" \
  "LNX Edge ${VERSION}$\r$\n$\r$\n인터넷 연결이 필요하지 않습니다. 런타임 팩은 이 PC의 NVIDIA 드라이버와 GPU에 맞게 선택됩니다.$\r$\n$\r$\n${ATTRIBUTION_KO}"
${Text} TITLE_UPDATE "Update of LNX Edge" "LNX Edge 업데이트"
${Text} WELCOME_UPDATE "$Previous > ${VERSION}$\r$\n$\r$\nInspection programs, the agent and the collector keep running on the old version until the new one is complete. Settings and data stay.$\r$\n$\r$\n${ATTRIBUTION_EN}" \
  "$Previous > ${VERSION}$\r$\n$\r$\n새 버전이 완전히 설치될 때까지 검사 프로그램, 에이전트, 수집기는 이전 버전으로 계속 동작합니다. 설정과 데이터는 유지됩니다.$\r$\n$\r$\n${ATTRIBUTION_KO}"
${Text} TITLE_REPAIR "Repair of LNX Edge" "LNX Edge 복구"
${Text} WELCOME_REPAIR "LNX Edge ${VERSION} is installed. Files that are not as they were made are replaced, and components that you choose are added; settings and data stay.$\r$\n$\r$\nTo remove LNX Edge, use 'Apps' in the settings of Windows.$\r$\n$\r$\n${ATTRIBUTION_EN}" \
  "이미 설치된 버전: LNX Edge ${VERSION}$\r$\n$\r$\n손상된 파일을 다시 설치하고 선택한 구성 요소를 추가합니다. 설정과 데이터는 유지됩니다.$\r$\n$\r$\n제거하려면 Windows 설정의 '앱'을 사용하십시오.$\r$\n$\r$\n${ATTRIBUTION_KO}"
${Text} FINISHED "LNX Edge ${VERSION} is installed. 'lnx doctor' tells what this PC offers.$\r$\n$\r$\n${ATTRIBUTION_EN}" \
  "LNX Edge ${VERSION} 설치가 끝났습니다. 'lnx doctor'로 이 PC의 환경을 확인할 수 있습니다.$\r$\n$\r$\n${ATTRIBUTION_KO}"
${Text} NAME_SDK "SDK" "SDK"
${Text} NAME_RUNTIME "Runtime pack" "런타임 팩"
${Text} NAME_PROGRAMS "Programs (lnx)" "프로그램(lnx)"
${Text} NAME_AGENT "Agent (service)" "에이전트(서비스)"
${Text} NAME_COLLECTOR "Collector (service)" "수집기(서비스)"
${Text} NAME_SAMPLES "Samples" "예제"
${Text} NAME_DOCS "Documents" "문서"
${Text} ABOUT_SDK "lnx.dll, headers, lnx.lib and find_package(lnx)." "lnx.dll, 헤더, lnx.lib, find_package(lnx)."
${Text} ABOUT_RUNTIME "ONNX Runtime and what belongs to it, chosen by the NVIDIA driver and GPU." "ONNX Runtime과 필요한 라이브러리. NVIDIA 드라이버와 GPU에 맞게 선택됩니다."
${Text} ABOUT_PROGRAMS "The command lnx." "lnx 명령."
${Text} ABOUT_AGENT "Delivers the system log." "시스템 로그를 전송합니다."
${Text} ABOUT_COLLECTOR "Collects the machine's data." "설비 데이터를 수집합니다."
${Text} ABOUT_SAMPLES "Programs in C, C++, C# and Python, pictures and models." "C, C++, C#, Python 예제와 이미지, 모델."
${Text} ABOUT_DOCS "Guides and reference." "안내서와 참조 문서."
${Text} OLD_WINDOWS "64-bit Windows 10 or later is needed." "64비트 Windows 10 이상이 필요합니다."
${Text} RUNNING "Another setup of LNX Edge is running. Wait until it has ended." "다른 LNX Edge 설치 프로그램이 실행 중입니다. 끝날 때까지 기다리십시오."
${Text} OLDER "A newer version is installed, and an older one cannot read its data. To go back, remove LNX Edge first (data stay) and restore a backup:" \
  "더 새로운 버전이 설치되어 있으며, 이전 버전은 그 데이터를 읽지 못할 수 있습니다. 되돌리려면 먼저 LNX Edge를 제거하고(데이터는 유지) 백업을 복원하십시오:"
${Text} BAD_ANSWERS "The answer file cannot be used:" "응답 파일을 사용할 수 없습니다:"
${Text} INSTALLED_IN "but LNX Edge is installed in" "설치된 폴더:"
${Text} UNWRITABLE "This folder cannot be written; run setup as an administrator, or free the folder:" "폴더에 쓸 수 없습니다. 관리자 권한으로 실행하거나 폴더 권한을 확인하십시오:"
${Text} NO_ROOM "The disk has no room:" "디스크 공간이 부족합니다:"
${Text} NOT_FITTING "The runtime pack does not fit this PC:" "런타임 팩이 이 PC와 맞지 않습니다:"
${Text} NOT_CARRIED "This setup does not carry the runtime pack" "이 설치 프로그램에 없는 런타임 팩입니다:"
${Text} PACK_IS "The runtime pack that suits this PC is" "이 PC에 알맞은 런타임 팩:"
${Text} PACK_BETTER "Driver and GPU allow a faster one, which this setup does not carry:" "드라이버와 GPU에 더 알맞은 팩이 있으나 이 설치 프로그램에는 없습니다:"
${Text} VC_TOO_OLD "The Visual C++ runtime of this PC is older than 14.40. A program that loads it before ONNX Runtime may crash; install the current vc_redist.x64.exe." \
  "이 PC의 Visual C++ 런타임이 14.40보다 오래되었습니다. ONNX Runtime보다 먼저 불러오는 프로그램이 중단될 수 있으니 최신 vc_redist.x64.exe를 설치하십시오."
${Text} HELD "Another program (a virus scanner?) holds a file; exclude the folder and run setup again:" "다른 프로그램(백신 등)이 파일을 잡고 있습니다. 폴더를 예외로 등록하고 다시 설치하십시오:"
${Text} DAMAGED "A file is not as it was made; copy the setup program again:" "파일이 손상되었습니다. 설치 프로그램을 다시 복사하십시오:"
${Text} SERVICE_FAILED "A service did not take the new version; the old one runs again. The log is %TEMP%\lnx-edge-setup.log." "서비스가 새 버전으로 시작되지 않아 이전 버전으로 되돌렸습니다. 기록: %TEMP%\lnx-edge-setup.log."
${Text} STAGE_CHECK "Checking this PC" "PC를 확인하는 중"
${Text} STAGE_COPY "Copying:" "복사하는 중:"
${Text} STAGE_FLUSH "Comparing hashes and writing to the disk" "해시를 비교하고 디스크에 기록하는 중"
${Text} STAGE_STOP "Stopping the services" "서비스를 중지하는 중"
${Text} STAGE_START "Starting the services on the new version" "새 버전으로 서비스를 시작하는 중"
${Text} STAGE_SWITCH "Registering the new version and removing the old one" "새 버전을 등록하고 이전 버전을 제거하는 중"
${Text} STAGE_REMOVE "Removing files" "파일을 제거하는 중"
${Text} CONFIRM_REMOVAL "LNX Edge and its services will be removed. Settings, data and licences in %ProgramData%\LNX stay; the option /DELETEDATA deletes them too." \
  "LNX Edge와 서비스를 제거합니다. %ProgramData%\LNX 폴더의 설정, 데이터, 라이선스는 남습니다. 함께 삭제하려면 /DELETEDATA 옵션을 사용하십시오."
${Text} REMAINS "Some files are in use. Windows removes them at its next start." "사용 중인 파일이 있습니다. 다음에 Windows를 시작할 때 제거됩니다."

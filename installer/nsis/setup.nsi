; The Windows setup program of LNX Edge. Built by `python3 dev.py package --only installer`; installer/setup.py passes the definitions.
;
;   $INSTDIR\versions\1.2.3\   everything of one version: sdk, programs, samples, docs, notices, bill of materials
;   $INSTDIR\runtime\cu13-1.31.1\   a runtime pack; shared by versions that use the same
;   HKLM\Software\LNX          Folder, Version, RuntimeDir, Pack: what counts. Each is written at once.
;
; Invariants: nothing is visible under its final name before all its files are hashed and on the disk; services and registry point at the old
; version until the new one lies there whole, and the old one is removed last; an older version never replaces a newer one.
;
; Exit status: 0 done, 1 cancelled, 2 stopped by the system, 10 answer file, 11 older than what is installed, 12 no room, 13 folder not writable,
; 14 pack does not fit driver or GPU, 15 %ProgramData% not writable, 16 a file is held, 17 damaged setup, 18 service did not start (the old version
; runs again), 19 another setup is running, 20 not 64-bit Windows 10 or later.
Unicode true
Target amd64-unicode
ManifestDPIAware true
ManifestSupportedOS Win10
RequestExecutionLevel admin
!if "${COMPRESSOR}" == "off" ; for tests
  SetCompress off
!else
  SetCompressor ${COMPRESSOR}
!endif
SetDateSave off
CRCCheck on
AllowSkipFiles off

!include MUI2.nsh
!include WordFunc.nsh
!include FileFunc.nsh
!include LogicLib.nsh
!include Sections.nsh
!include x64.nsh
!include WinVer.nsh

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\LNX Edge"
!define ENVIRONMENT "SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
!define STAGED "$INSTDIR\versions\${VERSION}.new"
!define FINAL "$INSTDIR\versions\${VERSION}"

Name "LNX Edge"
BrandingText "LNX Edge ${VERSION}"
OutFile "${OUTPUT}"
InstallDir "$PROGRAMFILES64\LNX Edge"
VIProductVersion "${VERSION}.0"
VIAddVersionKey /LANG=1033 "ProductName" "LNX Edge"
VIAddVersionKey /LANG=1033 "ProductVersion" "${VERSION}"
VIAddVersionKey /LANG=1033 "FileVersion" "${VERSION}"
VIAddVersionKey /LANG=1033 "FileDescription" "LNX Edge setup"
VIAddVersionKey /LANG=1033 "LegalCopyright" "Apache-2.0"
VIAddVersionKey /LANG=1033 "Comments" "${ATTRIBUTION_EN}"
VIAddVersionKey /LANG=1042 "ProductName" "LNX Edge"
VIAddVersionKey /LANG=1042 "ProductVersion" "${VERSION}"
VIAddVersionKey /LANG=1042 "FileVersion" "${VERSION}"
VIAddVersionKey /LANG=1042 "FileDescription" "LNX Edge 설치 프로그램"
VIAddVersionKey /LANG=1042 "LegalCopyright" "Apache-2.0"
VIAddVersionKey /LANG=1042 "Comments" "${ATTRIBUTION_KO}"

; The signing hook: a command with %1 for the file. The uninstaller is signed while it is made, the setup afterwards.
!ifdef SIGN
  !uninstfinalize '${SIGN}'
  !finalize '${SIGN}'
!endif

Var Previous      ; version that is installed, "" when none
Var PreviousDir   ; its folder
Var Pack          ; the pack that is installed: cpu, cu12, cu13
Var PackDir       ; its folder's name: cpu-1.31.1
Var Answers       ; answer file as NSIS reads it, "" when none
Var StartServices
Var Environment
Var AgentConfig
Var CollectorConfig
Var Account
Var Log
Var Status        ; exit status when a step failed
Var Mutex

!define MUI_ICON "${PICTURE_ICON}"
!define MUI_UNICON "${PICTURE_ICON}"
!define MUI_WELCOMEFINISHPAGE_BITMAP "${PICTURE_SIDE}"
!define MUI_HEADERIMAGE
!define MUI_HEADERIMAGE_RIGHT
!define MUI_HEADERIMAGE_BITMAP "${PICTURE_HEAD}"
!define MUI_HEADERIMAGE_UNBITMAP "${PICTURE_HEAD}"
!define MUI_ABORTWARNING
!define MUI_WELCOMEPAGE_TEXT "$(WELCOME)"
!define MUI_FINISHPAGE_TEXT "$(FINISHED)"
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${PAYLOAD}\common\notices\LICENSE.txt"
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE AskPack
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "Korean"
!include "texts.nsh"

; ---- helpers -------------------------------------------------------------------------------------------------------------------------------

!macro LogFunctions un
Function ${un}LogLine
  Exch $0
  Push $1
  FileOpen $1 $Log a
  ${If} $1 != ""
    FileSeek $1 0 END
    FileWriteUTF16LE $1 "$0$\r$\n"
    FileClose $1
  ${EndIf}
  DetailPrint $0
  Pop $1
  Pop $0
FunctionEnd
!macroend
!insertmacro LogFunctions ""
!insertmacro LogFunctions "un."
!macro Log text
  Push `${text}`
  !ifdef __UNINSTALL__
    Call un.LogLine
  !else
    Call LogLine
  !endif
!macroend
!define Log "!insertmacro Log"

; Runs setup_step; $R0 = exit status, $R1 = code, $R2 = text.
!macro Step words
  Delete "$PLUGINSDIR\step.ini"
  nsExec::Exec `"$PLUGINSDIR\setup_step.exe" --result "$PLUGINSDIR\step.ini" ${words}`
  Pop $R0
  ReadINIStr $R1 "$PLUGINSDIR\step.ini" result code
  ReadINIStr $R2 "$PLUGINSDIR\step.ini" result text
  ${Log} `${words}: $R1 $R2`
!macroend
!define Step "!insertmacro Step"

; Ends the installation with a status and a text in the user's language. What was staged is removed; what counted still counts.
!macro Fail status text
  StrCpy $Status ${status}
  ${Log} `error ${status}: ${text}`
  MessageBox MB_ICONSTOP|MB_OK `${text}` /SD IDOK
  Call LeaveNothingStaged
  SetErrorLevel ${status}
  Quit
!macroend
!define Fail "!insertmacro Fail"

; The same where no file has been written yet.
!macro Refuse status text
  ${Log} `error ${status}: ${text}`
  MessageBox MB_ICONSTOP|MB_OK `${text}` /SD IDOK
  SetErrorLevel ${status}
  Quit
!macroend
!define Refuse "!insertmacro Refuse"

Function LeaveNothingStaged
  SetOutPath $TEMP
  ${Step} `--patience 5 remove "${STAGED}"`
  ${If} $PackDir != ""
    ${Step} `--patience 5 remove "$INSTDIR\runtime\$PackDir.new"`
  ${EndIf}
FunctionEnd

; Selects a section for good when its service is registered.
!macro KeepService service section
  ReadRegStr $0 HKLM "SYSTEM\CurrentControlSet\Services\${service}" "ImagePath"
  ${If} $0 != ""
    !insertmacro SelectSection ${section}
    !insertmacro SetSectionFlag ${section} ${SF_RO}
  ${EndIf}
!macroend

; ---- components ----------------------------------------------------------------------------------------------------------------------------

Section "-prepare"
  SetRegView 64
  SetShellVarContext all
  ${Log} "LNX Edge ${VERSION} into $INSTDIR, before: $Previous, pack $Pack"
  Call CheckBeforehand
  Call LeaveNothingStaged
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\common\*"
SectionEnd

Section "$(NAME_SDK)" SecSdk
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\sdk\*"
SectionEnd

Section "$(NAME_RUNTIME)" SecRuntime
  ${Step} `verify "$INSTDIR\runtime\$PackDir"`
  ${If} $R0 == 0
    ${Log} "pack $PackDir is already there"
  ${Else}
    SetOutPath "$INSTDIR\runtime\$PackDir.new"
    ${Switch} $Pack
      !insertmacro PACK_FILES
    ${EndSwitch}
  ${EndIf}
SectionEnd

!ifdef HAVE_PROGRAMS
Section "$(NAME_PROGRAMS)" SecPrograms
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\programs\*"
SectionEnd

Section "$(NAME_AGENT)" SecAgent
SectionEnd

Section "$(NAME_COLLECTOR)" SecCollector
SectionEnd
!endif

Section "$(NAME_SAMPLES)" SecSamples
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\samples\*"
SectionEnd

Section "$(NAME_DOCS)" SecDocs
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\docs\*"
SectionEnd

; ---- the switch ----------------------------------------------------------------------------------------------------------------------------

Section "-commit"
  SetOutPath $TEMP ; a folder that is the current one cannot be renamed
  ${If} ${SectionIsSelected} ${SecRuntime}
  ${AndIf} ${FileExists} "$INSTDIR\runtime\$PackDir.new\*.*"
    ${Step} `commit "$INSTDIR\runtime\$PackDir.new" "$INSTDIR\runtime\$PackDir"`
    ${If} $R0 != 0
      Call FailCommit
    ${EndIf}
  ${EndIf}
  ${If} $Previous == "${VERSION}" ; a repair writes into the folder that runs
    Call StopServices
  ${EndIf}
  ${Step} `commit "${STAGED}" "${FINAL}"`
  ${If} $R0 != 0
    Call FailCommit
  ${EndIf}
  ; The new version is whole from here on. Services first: each is one registry value, old or new.
  ${If} $Previous != ""
  ${AndIf} $Previous != "${VERSION}"
    Call StopServices
  ${EndIf}
  Call RegisterServices

  WriteRegStr HKLM "Software\LNX" "Folder" "$INSTDIR"
  ${If} ${SectionIsSelected} ${SecRuntime}
    WriteRegStr HKLM "Software\LNX" "Pack" "$Pack"
    WriteRegStr HKLM "Software\LNX" "RuntimeDir" "$INSTDIR\runtime\$PackDir"
  ${EndIf}
  WriteRegStr HKLM "Software\LNX" "Version" "${VERSION}"
  Call WriteEnvironment
  Call WriteUninstaller
  ${Step} `flush`
  ${If} $R0 == 0
    Call RemoveOlder
  ${EndIf}
  ${Log} "installed"
SectionEnd

Function FailCommit
  ${If} $R1 == "held"
    ${Fail} 16 "$(HELD) $R2"
  ${EndIf}
  ${Fail} 17 "$(DAMAGED) $R2"
FunctionEnd

Function CheckBeforehand
  ${Step} `writable "$INSTDIR"`
  ${If} $R0 != 0
    ${Refuse} 13 "$(UNWRITABLE) $R2"
  ${EndIf}
  ReadEnvStr $0 ProgramData
  ${Step} `writable "$0\LNX"`
  ${If} $R0 != 0
    ${Refuse} 15 "$(UNWRITABLE) $R2"
  ${EndIf}
  ; What is selected, and a tenth more.
  StrCpy $1 0
  !insertmacro ADD_SECTION_SIZES
  System::Int64Op $1 * 1126
  Pop $1
  ${Step} `room "$INSTDIR" $1`
  ${If} $R0 != 0
    ${Refuse} 12 "$(NO_ROOM) $R2"
  ${EndIf}
  ${If} ${SectionIsSelected} ${SecRuntime}
    ${Step} `serves $Pack`
    ${If} $R0 != 0
      ReadINIStr $R3 "$PLUGINSDIR\step.ini" result needed
      StrCpy $R2 "$R2, needed $R3"
      Call TellReasons
      ${Refuse} 14 "$(NOT_FITTING) $Pack. $R2"
    ${EndIf}
    Call CheckVcRuntime
  ${EndIf}
FunctionEnd

; ONNX Runtime needs the Visual C++ runtime. Each pack carries it beside onnxruntime.dll, so nothing has to be installed. An old one in Windows is
; told, because a program that loads it first makes ONNX Runtime crash; a vc_redist.x64.exe beside this setup brings it up to date.
Function CheckVcRuntime
  ${Step} `vcruntime`
  ${If} $R0 != 0
  ${AndIf} ${FileExists} "$EXEDIR\vc_redist.x64.exe"
    ExecWait '"$EXEDIR\vc_redist.x64.exe" /install /quiet /norestart' $0
    ${Log} "vc_redist.x64.exe: $0"
    ${Step} `vcruntime`
  ${EndIf}
  ${If} $R1 == "too-old"
    MessageBox MB_ICONEXCLAMATION|MB_OK "$(VC_TOO_OLD) $R2" /SD IDOK
  ${EndIf}
FunctionEnd

Function StopServices
  !ifdef HAVE_PROGRAMS
  ${If} ${FileExists} "$PreviousDir\lnx-edge\lnx-agent.exe"
    nsExec::Exec '"$PreviousDir\lnx-edge\lnx-agent.exe" service stop'
    Pop $0
    ${Log} "agent stopped: $0"
  ${EndIf}
  ${If} ${FileExists} "$PreviousDir\lnx-edge\lnx-collector.exe"
    nsExec::Exec '"$PreviousDir\lnx-edge\lnx-collector.exe" service stop'
    Pop $0
    ${Log} "collector stopped: $0"
  ${EndIf}
  !endif
FunctionEnd

; Points each chosen service at this version and starts it. When one does not take, both are pointed back at the old version.
Function RegisterServices
  !ifdef HAVE_PROGRAMS
  StrCpy $9 0
  ${If} ${SectionIsSelected} ${SecAgent}
    StrCpy $R8 "lnx-agent.exe"
    StrCpy $R7 $AgentConfig
    Call RegisterService
  ${EndIf}
  ${If} $9 == 0
  ${AndIf} ${SectionIsSelected} ${SecCollector}
    StrCpy $R8 "lnx-collector.exe"
    StrCpy $R7 $CollectorConfig
    Call RegisterService
  ${EndIf}
  ${If} $9 != 0
    ${If} $Previous != ""
    ${AndIf} $Previous != "${VERSION}"
      ${Log} "back to $Previous"
      nsExec::Exec '"$PreviousDir\lnx-edge\lnx-agent.exe" service install'
      Pop $0
      nsExec::Exec '"$PreviousDir\lnx-edge\lnx-collector.exe" service install'
      Pop $0
      ${Step} `--patience 20 remove "${FINAL}"`
    ${EndIf}
    ${Fail} 18 "$(SERVICE_FAILED) ($9)"
  ${EndIf}
  !endif
FunctionEnd

; $R8 = program, $R7 = configuration; $9 = exit status of its `service install`.
!ifdef HAVE_PROGRAMS
Function RegisterService
  StrCpy $R6 '"${FINAL}\lnx-edge\$R8" service install'
  ${If} $R7 != ""
    StrCpy $R6 '$R6 --config "$R7"'
  ${EndIf}
  ${If} $Account != ""
    StrCpy $R6 '$R6 --account "$Account"'
  ${EndIf}
  ${If} $StartServices == "no"
    StrCpy $R6 '$R6 --no-start'
  ${EndIf}
  ; "error" = it did not start at all: a virus scanner reads a new program first.
  StrCpy $R4 0
  ${Do}
    nsExec::ExecToStack $R6
    Pop $9
    ${If} $9 == "error"
      StrCpy $R5 "did not start"
    ${Else}
      Pop $R5
    ${EndIf}
    ${Log} "$R6: $9 $R5"
    IntOp $R4 $R4 + 1
    ${If} $9 != "error"
    ${OrIf} $R4 > 45
      ${ExitDo}
    ${EndIf}
    Sleep 2000
  ${Loop}
FunctionEnd
!endif

; find_package(lnx) reads lnx_ROOT; PATH gets the programs. Both are values of their own, each old or new.
Function WriteEnvironment
  ${If} $Environment == "no"
    Return
  ${EndIf}
  ${If} ${SectionIsSelected} ${SecSdk}
    WriteRegExpandStr HKLM "${ENVIRONMENT}" "lnx_ROOT" "${FINAL}\sdk"
  ${EndIf}
  !ifdef HAVE_PROGRAMS
  ${If} ${SectionIsSelected} ${SecPrograms}
    ${If} $Previous != ""
      ${Step} `path remove "$PreviousDir\lnx-edge"`
    ${EndIf}
    ${Step} `path add "${FINAL}\lnx-edge"`
  ${EndIf}
  !endif
  SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
FunctionEnd

Function WriteUninstaller
  WriteUninstaller "$INSTDIR\uninstall.new.exe"
  Rename "$INSTDIR\uninstall.exe" "$INSTDIR\uninstall.old.exe"
  Rename "$INSTDIR\uninstall.new.exe" "$INSTDIR\uninstall.exe"
  Delete "$INSTDIR\uninstall.old.exe"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayName" "LNX Edge"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "Publisher" "LNX"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "Comments" "$(ATTRIBUTION)"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKLM "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKLM "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKLM "${UNINSTALL_KEY}" "NoModify" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD HKLM "${UNINSTALL_KEY}" "EstimatedSize" "$0"
FunctionEnd

; Versions and packs that nothing points at. One that a running program holds stays until Windows starts again.
Function RemoveOlder
  FindFirst $0 $1 "$INSTDIR\versions\*"
  ${DoWhile} $1 != ""
    ${If} $1 != "."
    ${AndIf} $1 != ".."
    ${AndIf} $1 != "${VERSION}"
      ${Step} `--patience 10 remove "$INSTDIR\versions\$1"`
    ${EndIf}
    FindNext $0 $1
  ${Loop}
  FindClose $0
  ${If} ${SectionIsSelected} ${SecRuntime}
    FindFirst $0 $1 "$INSTDIR\runtime\*"
    ${DoWhile} $1 != ""
      ${If} $1 != "."
      ${AndIf} $1 != ".."
      ${AndIf} $1 != "$PackDir"
        ${Step} `--patience 10 remove "$INSTDIR\runtime\$1"`
      ${EndIf}
      FindNext $0 $1
    ${Loop}
    FindClose $0
  ${EndIf}
FunctionEnd

; ---- start ---------------------------------------------------------------------------------------------------------------------------------

Function .onInit
  SetRegView 64
  SetShellVarContext all
  StrCpy $Log "$TEMP\lnx-edge-setup.log"
  StrCpy $StartServices "yes"
  StrCpy $Environment "yes"
  ${IfNot} ${RunningX64}
  ${OrIfNot} ${AtLeastWin10}
    ${Refuse} 20 "$(OLD_WINDOWS)"
  ${EndIf}
  System::Call 'kernel32::CreateMutexW(p 0, i 0, w "Global\LnxEdgeSetup") p .r0 ?e'
  Pop $1
  StrCpy $Mutex $0
  ${If} $1 = 183 ; ERROR_ALREADY_EXISTS
    ${Refuse} 19 "$(RUNNING)"
  ${EndIf}
  InitPluginsDir
  File "/oname=$PLUGINSDIR\setup_step.exe" "${SETUP_STEP}"

  ReadRegStr $Previous HKLM "Software\LNX" "Version"
  ReadRegStr $0 HKLM "Software\LNX" "Folder"
  ${If} $Previous != ""
    StrCpy $INSTDIR $0
    StrCpy $PreviousDir "$0\versions\$Previous"
    ${Step} `compare ${VERSION} $Previous`
    ${If} $R1 == "older"
      ${Refuse} 11 "$(OLDER) $Previous > ${VERSION}"
    ${EndIf}
  ${EndIf}

  ${Step} `choose-pack ${PACKS}`
  StrCpy $Pack $R1
  ${GetParameters} $0
  ${GetOptions} $0 "/ANSWERS=" $1
  ${IfNot} ${Errors}
    Call ReadAnswers
  ${EndIf}
  Call KeepServices
  Call NamePack
FunctionEnd

; A service that is there goes to the new version, chosen or not: it would point at a folder that is gone.
Function KeepServices
  !ifdef HAVE_PROGRAMS
    !insertmacro KeepService "LnxAgent" ${SecAgent}
    !insertmacro KeepService "LnxCollector" ${SecCollector}
    Call SelectPrograms
  !endif
FunctionEnd

!ifdef HAVE_PROGRAMS
Function .onSelChange
  Call SelectPrograms
FunctionEnd

Function SelectPrograms ; a service is one of them
  ${If} ${SectionIsSelected} ${SecAgent}
  ${OrIf} ${SectionIsSelected} ${SecCollector}
    !insertmacro SelectSection ${SecPrograms}
  ${EndIf}
FunctionEnd
!endif

!macro SelectIfListed name section
  Push "${name}"
  Call IsListed
  Pop $4
  ${If} $4 == 1
    !insertmacro SelectSection ${section}
  ${Else}
    !insertmacro UnselectSection ${section}
  ${EndIf}
!macroend

Function ReadAnswers ; $1 = file
  GetFullPathName $2 $1
  ${If} $2 == ""
    StrCpy $2 $1
  ${EndIf}
  StrCpy $Answers "$PLUGINSDIR\answers.ini"
  ${Step} `answers "$2" "$Answers"`
  ${If} $R0 != 0
    ${Refuse} 10 "$(BAD_ANSWERS) $R2"
  ${EndIf}
  ReadINIStr $0 $Answers setup language
  ${If} $0 == "ko"
    StrCpy $LANGUAGE ${LANG_KOREAN}
  ${ElseIf} $0 == "en"
    StrCpy $LANGUAGE ${LANG_ENGLISH}
  ${EndIf}
  ReadINIStr $0 $Answers setup folder
  ${If} $0 != ""
    ${If} $Previous != ""
    ${AndIf} $0 != $INSTDIR
      ${Refuse} 10 "$(BAD_ANSWERS) folder = $0, $(INSTALLED_IN) $INSTDIR"
    ${EndIf}
    StrCpy $INSTDIR $0
  ${EndIf}
  ReadINIStr $0 $Answers setup pack
  ${If} $0 != ""
  ${AndIf} $0 != "auto"
    StrCpy $Pack $0
  ${EndIf}
  ReadINIStr $0 $Answers setup start_services
  ${If} $0 != ""
    StrCpy $StartServices $0
  ${EndIf}
  ReadINIStr $0 $Answers setup environment
  ${If} $0 != ""
    StrCpy $Environment $0
  ${EndIf}
  ReadINIStr $AgentConfig $Answers setup agent_config
  ReadINIStr $CollectorConfig $Answers setup collector_config
  ReadINIStr $Account $Answers setup account
  ReadINIStr $0 $Answers setup components
  ${If} $0 != ""
    StrCpy $3 ",$0,"
    !insertmacro SELECT_FROM_LIST
  ${EndIf}
FunctionEnd


Function IsListed ; is the word on the stack one of the list in $3? 1 or 0
  Exch $0
  Push $1
  Push $2
  StrCpy $1 $3
  StrCpy $2 "" ; the word that is being read
  ${Do}
    Push $4
    StrCpy $4 $1 1
    StrCpy $1 $1 "" 1
    ${If} $4 == ","
    ${OrIf} $4 == ""
      ${If} $2 == $0
        StrCpy $0 1
        Pop $4
        ${ExitDo}
      ${EndIf}
      StrCpy $2 ""
    ${ElseIf} $4 != " "
      StrCpy $2 "$2$4"
    ${EndIf}
    ${If} $1 == ""
      StrCpy $0 0
      Pop $4
      ${ExitDo}
    ${EndIf}
    Pop $4
  ${Loop}
  Pop $2
  Pop $1
  Exch $0
FunctionEnd

Function NamePack
  StrCpy $PackDir ""
  !insertmacro PACK_FOLDERS
  ${If} $PackDir == ""
    ${Refuse} 14 "$(NOT_CARRIED) $Pack (${PACKS})"
  ${EndIf}
FunctionEnd

; Interactive: says which pack will be installed where a better one is carried, or could be had.
Function AskPack
  ${If} ${SectionIsSelected} ${SecRuntime}
    ${Step} `choose-pack ${PACKS}`
    ReadINIStr $R3 "$PLUGINSDIR\step.ini" result better
    StrCpy $R4 ""
    ${If} $R3 != ""
      StrCpy $R4 "$(PACK_IS) $Pack$\r$\n$(PACK_BETTER) $R3"
    ${ElseIf} "${PACKS}" != "cpu"
    ${AndIf} $R2 != ""
      Call TellReasons
      StrCpy $R4 "$(PACK_IS) $Pack$\r$\n$R2"
    ${EndIf}
    ${If} $R4 != ""
      MessageBox MB_ICONINFORMATION|MB_OKCANCEL "$R4" /SD IDOK IDOK +2
      Abort
    ${EndIf}
  ${EndIf}
FunctionEnd

; What the core says about driver and GPU ($R2), a line each, in the user's language.
Function TellReasons
  ${WordReplace} $R2 "; " "$\r$\n" "+" $R2
  ${If} $LANGUAGE == ${LANG_KOREAN}
    ${WordReplace} $R2 ", needed " ", 필요: " "+" $R2
    ${WordReplace} $R2 "no NVIDIA driver" "NVIDIA 드라이버 없음" "+" $R2
    ${WordReplace} $R2 "no NVIDIA GPU" "NVIDIA GPU 없음" "+" $R2
    ${WordReplace} $R2 "an NVIDIA GPU" "NVIDIA GPU" "+" $R2
    ${WordReplace} $R2 " driver " " 드라이버 " "+" $R2
    ${WordReplace} $R2 " or later" " 이상" "+" $R2
    ${WordReplace} $R2 "compute capability" "컴퓨팅 능력" "+" $R2
  ${EndIf}
FunctionEnd

; A write that failed: the disk filled up, or the system took it away. Nothing half-made stays, the old version is untouched.
Function .onInstFailed
  ${Log} "stopped by the system"
  Call LeaveNothingStaged
FunctionEnd

; ---- removal -------------------------------------------------------------------------------------------------------------------------------

Function un.onInit
  SetRegView 64
  SetShellVarContext all
  StrCpy $Log "$TEMP\lnx-edge-setup.log"
  System::Call 'kernel32::CreateMutexW(p 0, i 0, w "Global\LnxEdgeSetup") p .r0 ?e'
  Pop $1
  ${If} $1 = 183
    SetErrorLevel 19
    Quit
  ${EndIf}
  InitPluginsDir
  File "/oname=$PLUGINSDIR\setup_step.exe" "${SETUP_STEP}"
FunctionEnd

Section "Uninstall"
  ReadRegStr $INSTDIR HKLM "Software\LNX" "Folder"
  ReadRegStr $Previous HKLM "Software\LNX" "Version"
  ${If} $INSTDIR == ""
    Return
  ${EndIf}
  ${GetParameters} $0
  ClearErrors
  ${GetOptions} $0 "/DELETEDATA" $1
  StrCpy $2 ""
  ${IfNot} ${Errors}
    StrCpy $2 "--delete-data"
  ${EndIf}
  SetOutPath $TEMP
  !ifdef HAVE_PROGRAMS
  ${If} ${FileExists} "$INSTDIR\versions\$Previous\lnx-edge\lnx-agent.exe"
    nsExec::Exec '"$INSTDIR\versions\$Previous\lnx-edge\lnx-agent.exe" service remove $2'
    Pop $0
    ${Log} "agent removed: $0"
  ${EndIf}
  ${If} ${FileExists} "$INSTDIR\versions\$Previous\lnx-edge\lnx-collector.exe"
    nsExec::Exec '"$INSTDIR\versions\$Previous\lnx-edge\lnx-collector.exe" service remove $2'
    Pop $0
    ${Log} "collector removed: $0"
  ${EndIf}
  ${Step} `path remove "$INSTDIR\versions\$Previous\lnx-edge"`
  !endif
  ReadRegStr $0 HKLM "${ENVIRONMENT}" "lnx_ROOT"
  ${If} $0 == "$INSTDIR\versions\$Previous\sdk"
    DeleteRegValue HKLM "${ENVIRONMENT}" "lnx_ROOT"
  ${EndIf}
  SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=2000
  StrCpy $9 0
  ${Step} `remove "$INSTDIR\versions"`
  IntOp $9 $9 + $R0
  ${Step} `remove "$INSTDIR\runtime"`
  IntOp $9 $9 + $R0
  DeleteRegKey HKLM "${UNINSTALL_KEY}"
  DeleteRegKey HKLM "Software\LNX"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  ${If} $9 != 0
    SetErrorLevel 16
  ${EndIf}
SectionEnd

!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
  !insertmacro MUI_DESCRIPTION_TEXT ${SecSdk} "$(ABOUT_SDK)"
  !insertmacro MUI_DESCRIPTION_TEXT ${SecRuntime} "$(ABOUT_RUNTIME)"
  !insertmacro MUI_DESCRIPTION_TEXT ${SecSamples} "$(ABOUT_SAMPLES)"
  !insertmacro MUI_DESCRIPTION_TEXT ${SecDocs} "$(ABOUT_DOCS)"
!ifdef HAVE_PROGRAMS
  !insertmacro MUI_DESCRIPTION_TEXT ${SecPrograms} "$(ABOUT_PROGRAMS)"
  !insertmacro MUI_DESCRIPTION_TEXT ${SecAgent} "$(ABOUT_AGENT)"
  !insertmacro MUI_DESCRIPTION_TEXT ${SecCollector} "$(ABOUT_COLLECTOR)"
!endif
!insertmacro MUI_FUNCTION_DESCRIPTION_END

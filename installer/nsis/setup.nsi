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
Var Title         ; of the first page, and its text: new, update or repair
Var Welcome
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
!define MUI_WELCOMEPAGE_TITLE "$Title"
!define MUI_WELCOMEPAGE_TEXT "$Welcome"
!define MUI_FINISHPAGE_TEXT "$(FINISHED)"
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${PAYLOAD}\common\notices\LICENSE.txt"
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE AskPack
!insertmacro MUI_PAGE_COMPONENTS
!define MUI_PAGE_CUSTOMFUNCTION_PRE KeepFolder
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!define MUI_UNCONFIRMPAGE_TEXT_TOP "$(CONFIRM_REMOVAL)"
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGEEX "${LANGUAGE_FILES}" "Korean"
!include "texts.nsh"

!include "steps.nsh"

; ---- components ----------------------------------------------------------------------------------------------------------------------------

Section "-prepare"
  SetRegView 64
  SetShellVarContext all
  ${Stage} "$(STAGE_CHECK)"
  ${Log} "LNX Edge ${VERSION} into $INSTDIR, before: $Previous, pack $Pack"
  Call CheckBeforehand
  Call LeaveNothingStaged
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\common\*"
SectionEnd

Section "$(NAME_SDK)" SecSdk
  ${Stage} "$(STAGE_COPY) $(NAME_SDK)"
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\sdk\*"
SectionEnd

Section "$(NAME_RUNTIME)" SecRuntime
  ${Stage} "$(STAGE_COPY) $(NAME_RUNTIME), $PackDir"
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
  ${Stage} "$(STAGE_COPY) $(NAME_PROGRAMS)"
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\programs\*"
SectionEnd

Section "$(NAME_AGENT)" SecAgent
SectionEnd

Section "$(NAME_COLLECTOR)" SecCollector
SectionEnd
!endif

Section "$(NAME_SAMPLES)" SecSamples
  ${Stage} "$(STAGE_COPY) $(NAME_SAMPLES)"
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\samples\*"
SectionEnd

Section "$(NAME_DOCS)" SecDocs
  ${Stage} "$(STAGE_COPY) $(NAME_DOCS)"
  SetOutPath "${STAGED}"
  File /r "${PAYLOAD}\docs\*"
SectionEnd

!include "switch.nsh"
!include "start.nsh"
!include "removal.nsh"

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

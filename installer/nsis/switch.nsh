; From staged files to the version that counts: checks beforehand, services, registry, environment, uninstaller, old versions.

Section "-commit"
  ${Stage} "$(STAGE_FLUSH)"
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

  ${Stage} "$(STAGE_SWITCH)"
  WriteRegStr HKLM "Software\LNX" "Folder" "$INSTDIR"
  StrCpy $0 ""
  !insertmacro LIST_SELECTED
  WriteRegStr HKLM "Software\LNX" "Components" "$0"
  WriteRegStr HKLM "Software\LNX" "Environment" "$Environment"
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
  SetDetailsPrint both
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
  ${Stage} "$(STAGE_STOP)"
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
  ${If} ${SectionIsSelected} ${SecAgent}
  ${OrIf} ${SectionIsSelected} ${SecCollector}
    ${Stage} "$(STAGE_START)"
  ${EndIf}
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

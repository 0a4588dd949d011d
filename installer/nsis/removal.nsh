; The uninstaller.

Function un.onInit
  SetRegView 64
  SetShellVarContext all
  StrCpy $Log "$TEMP\lnx-edge-setup.log"
  System::Call 'kernel32::CreateMutexW(p 0, i 0, w "Global\LnxEdgeSetup") p .r0 ?e'
  Pop $1
  ${If} $1 = 183
    MessageBox MB_ICONSTOP|MB_OK "$(RUNNING)" /SD IDOK
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
  ${Stage} "$(STAGE_STOP)"
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
  ${Stage} "$(STAGE_REMOVE)"
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
    MessageBox MB_ICONINFORMATION|MB_OK "$(REMAINS)" /SD IDOK
    SetErrorLevel 16
  ${EndIf}
  SetDetailsPrint both
SectionEnd

; The log, setup_step.exe, and the ways in which an installation ends early.

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
  SetDetailsPrint none
  Delete "$PLUGINSDIR\step.ini"
  nsExec::Exec `"$PLUGINSDIR\setup_step.exe" --result "$PLUGINSDIR\step.ini" ${words}`
  Pop $R0
  ReadINIStr $R1 "$PLUGINSDIR\step.ini" result code
  ReadINIStr $R2 "$PLUGINSDIR\step.ini" result text
  ${Log} `${words}: $R1 $R2`
  SetDetailsPrint lastused
!macroend
!define Step "!insertmacro Step"

; What is being done, above the bar; files are told in the list below it alone.
!macro Stage text
  SetDetailsPrint both
  DetailPrint `${text}`
  SetDetailsPrint listonly
!macroend
!define Stage "!insertmacro Stage"

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

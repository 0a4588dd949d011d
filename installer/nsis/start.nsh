; Before the first page: one setup at a time, what is installed, the answer file, the runtime pack.

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
    Call KeepChoices
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
  Call ChooseWelcome
FunctionEnd

; An update brings what was chosen when the version before was installed, unless the answer file says otherwise.
Function KeepChoices
  ReadRegStr $0 HKLM "Software\LNX" "Components"
  ${If} $0 != ""
    StrCpy $3 ",$0,"
    !insertmacro SELECT_FROM_LIST
  ${EndIf}
  ReadRegStr $0 HKLM "Software\LNX" "Environment"
  ${If} $0 != ""
    StrCpy $Environment $0
  ${EndIf}
FunctionEnd

Function ChooseWelcome
  StrCpy $Title "$(MUI_TEXT_WELCOME_INFO_TITLE)"
  StrCpy $Welcome "$(WELCOME_NEW)"
  ${If} $Previous == "${VERSION}"
    StrCpy $Title "$(TITLE_REPAIR)"
    StrCpy $Welcome "$(WELCOME_REPAIR)"
  ${ElseIf} $Previous != ""
    StrCpy $Title "$(TITLE_UPDATE)"
    StrCpy $Welcome "$(WELCOME_UPDATE)"
  ${EndIf}
FunctionEnd

Function KeepFolder ; LNX Edge stays where it is; this page is for a new one
  ${If} $Previous != ""
    Abort
  ${EndIf}
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

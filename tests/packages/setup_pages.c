/* Walks through the pages of a setup program as a person would, and tells what each shows, one line of UTF-8 per control:
 *
 *   page TAB number TAB class TAB identifier TAB 1 when its text fits, else 0 TAB text
 *
 * A text fits when its control, in its font, is large enough for it. Ends when the window is gone, or with status 1 after five
 * minutes without change. Argument: the number of pages to click through before cancelling; 0 = to the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

#define SLACK 2 /* pixels: NSIS sizes some controls by their text, without a margin */

enum { TITLE_OF_HEADER = 1037, TITLE_OF_WELCOME = 1201 }; /* identifiers of MUI */

#define AGAIN_MS 20000 /* after which a click counts as lost */

static HWND found_dialog, found_page;
static int page;

static BOOL CALLBACK IsPage(HWND window, LPARAM unused) {
  wchar_t name[64];
  (void)unused;
  GetClassNameW(window, name, 64);
  if (wcscmp(name, L"#32770") == 0 && IsWindowVisible(window)) found_page = window;
  return found_page == NULL;
}

static BOOL CALLBACK IsDialog(HWND window, LPARAM unused) {
  wchar_t name[64], title[200];
  (void)unused;
  GetClassNameW(window, name, 64);
  GetWindowTextW(window, title, 200);
  if (wcscmp(name, L"#32770") != 0 || !IsWindowVisible(window) || wcsstr(title, L"LNX Edge") == NULL) return TRUE;
  found_dialog = window;
  return FALSE;
}

/* The font of a control. Its handle means nothing in this process, so it is made anew, as NSIS and MUI make it. */
static HFONT FontOf(HWND control) {
  int korean = PRIMARYLANGID(GetUserDefaultUILanguage()) == LANG_KOREAN;
  int points = korean ? 9 : 8, weight = FW_NORMAL, id = GetDlgCtrlID(control);
  if (id == TITLE_OF_WELCOME) points = 12;
  if (id == TITLE_OF_WELCOME || id == TITLE_OF_HEADER) weight = FW_BOLD;
  return CreateFontW(-MulDiv(points, 96, 72), 0, 0, 0, weight, 0, 0, 0, korean ? HANGUL_CHARSET : DEFAULT_CHARSET, 0, 0, 0, 0,
                     korean ? L"굴림" : L"MS Shell Dlg");
}

/* Does the control have room for its text? */
static int Fits(HWND control, const wchar_t* name, const wchar_t* text) {
  RECT room, wanted = {0, 0, 0, 0};
  HDC context;
  HGDIOBJ before;
  HFONT font;
  UINT how = DT_CALCRECT | DT_NOPREFIX;
  int button = wcscmp(name, L"Button") == 0;
  if (!button && wcscmp(name, L"Static") != 0) return 1; /* others scroll */
  GetClientRect(control, &room);
  wanted.right = room.right;
  if (!button) how |= DT_WORDBREAK;
  context = GetDC(control);
  font = FontOf(control);
  before = SelectObject(context, font);
  DrawTextW(context, text, -1, &wanted, how);
  SelectObject(context, before);
  DeleteObject(font);
  ReleaseDC(control, context);
  return wanted.right <= room.right + SLACK && (button || wanted.bottom <= room.bottom + SLACK);
}

static BOOL CALLBACK Tell(HWND control, LPARAM unused) {
  wchar_t name[64], text[4000];
  wchar_t* at_end;
  char utf8[12000];
  char* at;
  (void)unused;
  if (!IsWindowVisible(control)) return TRUE;
  GetClassNameW(control, name, 64);
  SendMessageTimeoutW(control, WM_GETTEXT, 4000, (LPARAM)text, SMTO_ABORTIFHUNG, 5000, NULL);
  for (at_end = text + wcslen(text); at_end > text && at_end[-1] == L' '; at_end--) at_end[-1] = 0;
  if (text[0] == 0 || wcscmp(name, L"#32770") == 0) return TRUE;
  WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, sizeof utf8, NULL, NULL);
  for (at = utf8; *at; at++) {
    if (*at == '\n' || *at == '\r' || *at == '\t') *at = ' ';
  }
  printf("page\t%d\t%ls\t%d\t%d\t%s\n", page, name, GetDlgCtrlID(control), Fits(control, name, text), utf8);
  return TRUE;
}

int main(int count, char** words) {
  int pages = count > 1 ? atoi(words[1]) : 0;
  HWND before = NULL;
  wchar_t title[200] = L"", title_before[200] = L"";
  DWORD changed = GetTickCount();
  DWORD clicked_at = 0;
  int seen = 0, clicked = 0, enabled = 0, bare = 0;
  while (GetTickCount() - changed < 300000) {
    Sleep(100);
    found_dialog = found_page = NULL;
    EnumWindows(IsDialog, 0);
    if (found_dialog == NULL) {
      if (seen) return 0;
      continue;
    }
    seen = 1;
    EnumChildWindows(found_dialog, IsPage, 0);
    bare = found_page == NULL ? bare + 1 : 0;
    if (bare > 0 && bare < 20) continue;               /* the first page is being made, or one page follows another */
    if (found_page == NULL) found_page = found_dialog; /* a message */
    GetWindowTextW(GetDlgItem(found_dialog, TITLE_OF_HEADER), title, 200);
    if (found_page != before || wcscmp(title, title_before) != 0) { /* a handle may be given again */
      Sleep(300);                                                   /* until it is filled */
      GetWindowTextW(GetDlgItem(found_dialog, TITLE_OF_HEADER), title_before, 200);
      page++;
      EnumChildWindows(found_dialog, Tell, 0);
      fflush(stdout);
      before = found_page, clicked = 0, enabled = 0;
      changed = GetTickCount();
    }
    /* One click per page: a second one would fall on the next. The button has to be there for a while, since pages change by
     * themselves. */
    enabled = IsWindowEnabled(GetDlgItem(found_dialog, IDOK)) ? enabled + 1 : 0;
    if (clicked && GetTickCount() - clicked_at > AGAIN_MS) clicked = 0;
    if (clicked || enabled < 5) continue;
    clicked = 1, clicked_at = GetTickCount();
    if (pages == 0 || page <= pages) {
      PostMessageW(found_dialog, WM_COMMAND, IDOK, (LPARAM)GetDlgItem(found_dialog, IDOK));
    } else {
      HWND question;
      PostMessageW(found_dialog, WM_COMMAND, IDCANCEL, (LPARAM)GetDlgItem(found_dialog, IDCANCEL));
      Sleep(2000);
      question = GetLastActivePopup(found_dialog);
      if (question != found_dialog) PostMessageW(question, WM_COMMAND, IDYES, (LPARAM)GetDlgItem(question, IDYES));
    }
  }
  printf("nothing changed for five minutes\n");
  return 1;
}

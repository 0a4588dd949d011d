"""A PIV token in software (NIST SP 800-73-4, with Yubico's extensions), for tests alone; it is never shipped.

It sits behind a real pcscd: as a card in vsmartcard's virtual reader (``vpcd``), or as a USB device made by umockdev (``ccid``). So every
PC/SC client sees a token: the core, OpenSC, yubico-piv-tool, ykman. Its keys lie in memory, or in a plain file when ``--state`` is given.

    tlv, apdu    bytes on the wire         card         the PIV application
    yubico       the maker's commands      attestation  the maker's certificates, under a root made for the test
    faults       what a bad token does     vpcd         the virtual reader's socket
    __main__     the program: commands on stdin, one JSON answer per line; ends with its stdin or by its pid

Runs with the project's Python and with Debian's (which umockdev needs).
"""

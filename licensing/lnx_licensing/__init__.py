"""Keys, licence files, dongle provisioning and diagnosis: the supplier's desk, and the plain twin of the core's licence reader.

    terms, licence, validity   what a licence says; issuing and verifying it; what it allows today
    request, installed         from the plant to the desk and back: .lnxreq, .lic, where licences lie
    record, software_key       what the desk keeps of a dongle; the key file of an evaluation
    pcsc, piv, tlv             tokens through PC/SC, and the commands of a PIV token
    token, provision           a dongle as people see it; how a fresh token becomes one
    attestation, makers/       the maker's proof, and the roots that are pinned for it
    diagnosis, findings        why a dongle is not found; usb_linux and usb_windows look at the plug
    cli                        lnx license, lnx dongle

Keys with roles and signed documents are formats, so they live in lnx.container (trust, dsse, hpke). Formats: docs/reference/licence.md.
"""

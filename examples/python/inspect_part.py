"""Inspects one picture: verdict, findings, overlay, JSON.

python inspect_part.py MODEL.lnx PICTURE OVERLAY.png [PUBLIC_KEY.pem]
"""

import sys

import lnx


def main() -> int:
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    model, picture, overlay, *keys = sys.argv[1:]
    image = lnx.read_image(picture)
    with lnx.Session(model, trusted_keys=keys) as session:
        result = session.run(image)
    print(result.to_json())
    print(result.verdict, result.reason, file=sys.stderr)
    for region in result.regions:
        print(f"  {region.name}  {region.area_px:.0f} px", file=sys.stderr)
    for found in result.objects:
        print(f"  {found.name}  {found.score:.2f}", file=sys.stderr)
    lnx.write_image(overlay, result.draw(image))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except lnx.LnxError as error:
        sys.exit(str(error))

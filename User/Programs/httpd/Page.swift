// The pages that httpd makes itself.

import SystemInterface
import UserLibrary

enum Page {
    static func make(_ title: Text, _ body: Text) -> Text {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
        <title>\(title)</title>
        <style>:root{color-scheme:light dark}body{font:16px/1.5 sans-serif;max-width:44em;margin:2em auto;padding:0 1em}
        h1{font-weight:300;overflow-wrap:anywhere}h2{font-size:1.1em;margin:1.6em 0 .4em}div{overflow-x:auto}
        table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2em 1em .2em 0;border-bottom:1px solid #8884}
        th{font-weight:600}td{font-variant-numeric:tabular-nums;white-space:nowrap}li{overflow-wrap:anywhere}
        @media(max-width:30em){body{font-size:14px}td,th{padding-right:.6em}}</style></head><body><h1>\(title)</h1>
        \(body)</body></html>

        """
    }

    static func directory(_ path: [UInt8], _ names: [[UInt8]]) -> Text {
        var list: Text = "<ul>\n<li><a href=\"../\">..</a></li>\n"
        for name in names {
            list = "\(list)<li><a href=\"\(escapedPath(name))\">\(escaped(name))</a></li>\n"
        }
        return make(escaped(path), "\(list)</ul>\n")
    }

    /// As text of a page.
    static func escaped(_ bytes: [UInt8]) -> Text {
        var text = Text()
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "<"): text.append("&lt;")
            case UInt8(ascii: ">"): text.append("&gt;")
            case UInt8(ascii: "&"): text.append("&amp;")
            case UInt8(ascii: "\""): text.append("&quot;")
            case 0..<32, 127: text.append("?")
            default: text.bytes.append(byte)
            }
        }
        return text
    }

    /// As a path in an address: all but letters, digits and a few marks as %XX (RFC 3986, 2.1).
    static func escapedPath(_ bytes: [UInt8]) -> Text {
        var text = Text()
        for byte in bytes {
            switch byte {
            case 48...57, 65...90, 97...122, 45, 46, 47, 95, 126: text.bytes.append(byte)
            default:
                text.append("%")
                text.append(hex: UInt64(byte), digits: 2)
            }
        }
        return text
    }
}

// The address of something on the web.

import UserLibrary

/// http://host:port/path, taken apart.
struct WebAddress {
    private(set) var host: [UInt8] = []
    private(set) var port: UInt16 = 80
    private(set) var path: [UInt8] = [UInt8(ascii: "/")]

    init?(_ text: [UInt8]) {
        let scheme = ("http://" as Text).bytes
        guard text.count > scheme.count, [UInt8](text[0..<scheme.count]) == scheme else { return nil }
        var rest = [UInt8](text[scheme.count...])
        if let end = rest.firstIndex(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }) {
            let behind = [UInt8](rest[end...].prefix { $0 != UInt8(ascii: "#") })
            path = rest[end] == UInt8(ascii: "/") ? behind : path + behind
            rest = [UInt8](rest[..<end])
        }
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
            var number = 0
            for byte in rest[(colon + 1)...] {
                guard byte >= 48, byte <= 57, number < 65536 else { return nil }
                number = number * 10 + Int(byte) - 48
            }
            guard number > 0, number <= 65535 else { return nil }
            port = UInt16(number)
            rest = [UInt8](rest[..<colon])
        }
        guard !rest.isEmpty, !path.contains(where: { $0 <= 32 || $0 == 127 }) else { return nil }
        host = rest
    }

    /// Where a server says that something is now: a whole address, or one relative to the address that was asked for
    /// (RFC 3986, 5.2).
    init?(_ place: [UInt8], from old: WebAddress) {
        let slash = UInt8(ascii: "/")
        let plain = [UInt8](place.prefix { $0 != UInt8(ascii: "#") })
        let first = [UInt8](plain.prefix { $0 != slash && $0 != UInt8(ascii: "?") })
        if first.contains(UInt8(ascii: ":")) {
            self.init(plain)
            return
        }
        if plain.count >= 2, plain[0] == slash, plain[1] == slash {
            self.init(("http:" as Text).bytes + plain)
            return
        }
        guard !plain.contains(where: { $0 <= 32 || $0 == 127 }) else { return nil }
        self = old
        guard !plain.isEmpty else { return }
        let (oldPath, _) = Self.split(old.path)
        if plain[0] == slash {
            path = Self.withoutDots(plain)
        } else if first.isEmpty {
            path = oldPath + plain
        } else {
            path = Self.withoutDots(oldPath[...(oldPath.lastIndex(of: slash) ?? 0)] + plain)
        }
    }

    /// A path, and the query behind it with its question mark.
    private static func split(_ path: [UInt8]) -> ([UInt8], query: [UInt8]) {
        let end = path.firstIndex(of: UInt8(ascii: "?")) ?? path.count
        return ([UInt8](path[..<end]), [UInt8](path[end...]))
    }

    /// A path without its segments . and .. (RFC 3986, 5.2.4).
    private static func withoutDots(_ path: [UInt8]) -> [UInt8] {
        let (plain, query) = split(path)
        let dot = UInt8(ascii: "."), slash = UInt8(ascii: "/")
        var kept: [[UInt8]] = []
        var segment: [UInt8] = []
        for place in 1...max(1, plain.count) {
            let isEnd = place >= plain.count
            guard isEnd || plain[place] == slash else {
                segment.append(plain[place])
                continue
            }
            let isParent = segment == [dot, dot]
            if isParent { _ = kept.popLast() }
            if !isParent, segment != [dot] { kept.append(segment) } else if isEnd { kept.append([]) }
            segment = []
        }
        var result: [UInt8] = []
        for segment in kept {
            result.append(slash)
            result += segment
        }
        return result + query
    }

    /// Host, and port when it is not HTTP's, as the field Host has it (RFC 9110, 7.2).
    var authority: Text { port == 80 ? hostText : "\(hostText):\(port)" }

    var hostText: Text {
        var text = Text()
        text.bytes = host
        return text
    }

    /// What the path ends with; index.html for a directory.
    var fileName: [UInt8] {
        let plain = [UInt8](path.prefix { $0 != UInt8(ascii: "?") })
        let start = plain.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
        let name = [UInt8](plain[start...])
        return name.isEmpty ? ("index.html" as Text).bytes : name
    }
}

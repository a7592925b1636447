// Domain names as messages carry them (RFC 1035, 3.1 and 4.1.4).
//
// Promise: compression pointers are followed only backwards, so that reading a name ends.

/// A domain name in the wire's form: labels with their lengths in front, a zero at the end; letters in lower case.
public struct DNSName: ~Copyable {
    /// RFC 1035, 2.3.4; the ending zero included.
    public static var capacity: Int { 255 }

    fileprivate var bytes = InlineArray<256, UInt8>(repeating: 0)
    /// Bytes in use; the root, alone, is one.
    public private(set) var count = 1

    public init() {}

    /// Becomes a copy of another name.
    public mutating func copy(_ other: borrowing DNSName) {
        for i in 0..<other.count { bytes[i] = other.bytes[i] }
        count = other.count
    }

    public subscript(index: Int) -> UInt8 { index >= 0 && index < count ? bytes[index] : 0 }

    /// Adds a label behind those that are there; false when it is empty, longer than 63 bytes, or too much.
    mutating func append(_ label: RawSpan) -> Bool {
        guard label.byteCount > 0, label.byteCount <= 63, count + 1 + label.byteCount <= Self.capacity else {
            return false
        }
        bytes[count - 1] = UInt8(label.byteCount)
        for i in 0..<label.byteCount { bytes[count + i] = Self.lower(label.byte(i)) }
        count += 1 + label.byteCount
        bytes[count - 1] = 0
        return true
    }

    /// Adds what people write: labels with dots between them, and perhaps one at the end. False when it is no name.
    public mutating func append(text: RawSpan) -> Bool {
        var start = 0
        for end in 0...text.byteCount where end == text.byteCount || text.byte(end) == 0x2e {
            if end == text.byteCount, start == end, start > 0 { return true }  // the dot at the end
            for i in start..<end where text.byte(i) <= 0x20 || text.byte(i) >= 0x7f { return false }
            guard append(text.extracting(start..<end)) else { return false }
            start = end + 1
        }
        return true
    }

    public static func == (left: borrowing DNSName, right: borrowing DNSName) -> Bool {
        guard left.count == right.count else { return false }
        for i in 0..<left.count where left.bytes[i] != right.bytes[i] { return false }
        return true
    }

    /// Whether the name is in a zone, or is the zone.
    func ends(in zone: borrowing DNSName) -> Bool {
        var start = 0
        while count - start > zone.count { start += 1 + Int(bytes[start]) }
        guard count - start == zone.count else { return false }
        for i in 0..<zone.count where bytes[start + i] != zone.bytes[i] { return false }
        return true
    }

    /// Calls `body` with each byte of the name as people write it, without the dot at the end: printable ASCII alone,
    /// whatever is in the labels. A backslash stands before a dot, a quote, a backslash and what else zone files give
    /// a meaning, and before the three decimal digits of any other byte (RFC 1035, 5.1).
    public func forEachCharacter(_ body: (UInt8) -> Void) {
        var at = 0
        while at < count, bytes[at] != 0 {
            if at > 0 { body(0x2e) }
            for i in 0..<Int(bytes[at]) { Self.escape(self[at + 1 + i], body) }
            at += 1 + Int(bytes[at])
        }
    }

    private static func escape(_ byte: UInt8, _ body: (UInt8) -> Void) {
        switch byte {
        case 0x22, 0x24, 0x28, 0x29, 0x2e, 0x3b, 0x40, 0x5c:  // " $ ( ) . ; @ \
            body(0x5c)
            body(byte)
        case 0x21...0x7e: body(byte)
        default:
            body(0x5c)
            body(0x30 + byte / 100)
            body(0x30 + byte / 10 % 10)
            body(0x30 + byte % 10)
        }
    }

    private static func lower(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte }
}

extension DNSName {
    /// Becomes the name that lies at `offset` in a message, and moves `offset` behind it. False when that one is
    /// malformed; what this name is then, is not said.
    public mutating func parse(_ message: RawSpan, at offset: inout Int) -> Bool {
        bytes[0] = 0
        count = 1
        var at = offset
        var after: Int?
        var lowest = offset
        while true {
            guard at < message.byteCount else { return false }
            let length = Int(message.byte(at))
            switch length >> 6 {
            case 0:
                at += 1
                guard length > 0 else {
                    offset = after ?? at
                    return true
                }
                guard at + length <= message.byteCount, append(message.extracting(at..<at + length)) else {
                    return false
                }
                at += length
            case 3:
                guard at + 1 < message.byteCount else { return false }
                let target = Int(message.be16(at)) & 0x3fff
                if after == nil { after = at + 2 }
                guard target < lowest else { return false }
                lowest = target
                at = target
            default: return false
            }
        }
    }
}

// Resource records in words, as host of BIND writes them (RFC 1035, 3.3; RFC 2782; RFC 3596).

import NetStack
import SystemInterface
import UserLibrary

/// A type of records.
struct RecordType {
    let number: UInt16
    static let a = RecordType(number: 1)
    static let ptr = RecordType(number: 12)

    private static let names: [(StaticString, UInt16)] = [
        ("a", 1), ("ns", 2), ("cname", 5), ("soa", 6), ("ptr", 12), ("mx", 15), ("txt", 16), ("aaaa", 28), ("srv", 33),
        ("any", 255),
    ]

    init(number: UInt16) { self.number = number }

    /// nil for a name that no type has.
    init?(_ text: CString) {
        let wanted = text.bytes.map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 }
        for (name, number) in Self.names where CString(name).bytes == wanted {
            self.number = number
            return
        }
        guard let number = text.number, number > 0, number <= 65535 else { return nil }
        self.number = UInt16(number)
    }

    var text: Text {
        for (name, number) in Self.names where number == self.number {
            var text: Text = "\(name)"
            text.bytes = text.bytes.map { $0 - 32 }
            return text
        }
        return "TYPE\(number)"
    }
}

extension Text.StringInterpolation {
    mutating func appendInterpolation(_ type: RecordType) { appendInterpolation(type.text) }
}

/// Prints the records from an offset on; false when one is malformed.
func showRecords(_ message: RawSpan, from start: Int, count: Int) -> Bool {
    var offset = start
    for _ in 0..<count {
        guard let owner = readName(message, at: &offset), offset + 10 <= message.byteCount else { return false }
        let type = message.be16(offset)
        let data = offset + 10
        let end = data + Int(message.be16(offset + 8))
        guard end <= message.byteCount, let text = describe(type, message, data, end) else { return false }
        print("\(owner) \(text)")
        offset = end
    }
    return true
}

private func describe(_ type: UInt16, _ message: RawSpan, _ start: Int, _ end: Int) -> Text? {
    var at = start
    switch type {
    case 1 where end - start == 4: return "has address \(address: message.be32(start))"
    case 28 where end - start == 16: return "has IPv6 address \(ipv6: address(message, start))"
    case 2: return readTarget(message, &at, end).map { "name server \($0)" }
    case 5: return readTarget(message, &at, end).map { "is an alias for \($0)" }
    case 12: return readTarget(message, &at, end).map { "domain name pointer \($0)" }
    case 15:
        guard end - start > 2 else { return nil }
        at += 2
        return readTarget(message, &at, end).map { "mail is handled by \(message.be16(start)) \($0)" }
    case 33:
        guard end - start > 6 else { return nil }
        at += 6
        return readTarget(message, &at, end).map {
            "has SRV record \(message.be16(start)) \(message.be16(start + 2)) \(message.be16(start + 4)) \($0)"
        }
    case 6:
        guard let server = readName(message, at: &at), let mailbox = readName(message, at: &at), at + 20 == end else {
            return nil
        }
        var text: Text = "has SOA record \(dotted(server)) \(dotted(mailbox))"
        for word in 0..<5 { text = "\(text) \(message.be32(at + 4 * word))" }
        return text
    case 16: return strings(message, start, end)
    case 1, 28: return nil
    default:
        var text: Text = "has \(RecordType(number: type)) record \\# \(end - start) "
        for index in start..<end { text.append(hex: UInt64(message.byte(index)), digits: 2) }
        return text
    }
}

private func address(_ message: RawSpan, _ at: Int) -> NetworkAddress {
    NetworkAddress(
        high: UInt64(message.be32(at)) << 32 | UInt64(message.be32(at + 4)),
        low: UInt64(message.be32(at + 8)) << 32 | UInt64(message.be32(at + 12)))
}

/// Strings with their lengths in front, quoted; what is not printable as three digits (RFC 1035, 5.1).
private func strings(_ message: RawSpan, _ start: Int, _ end: Int) -> Text? {
    var text: Text = "descriptive text"
    var at = start
    while at < end {
        let count = Int(message.byte(at))
        at += 1
        guard at + count <= end else { return nil }
        text = "\(text) \""
        for index in at..<at + count {
            let byte = message.byte(index)
            if byte == 0x22 || byte == 0x5c { text.bytes.append(0x5c) }
            if byte >= 0x20, byte < 0x7f {
                text.bytes.append(byte)
            } else {
                text.bytes.append(0x5c)
                text.append(UInt64(byte), width: 3, zeros: true)
            }
        }
        text.bytes.append(0x22)
        at += count
    }
    return text
}

/// The name that ends a record, with its dot.
private func readTarget(_ message: RawSpan, _ at: inout Int, _ end: Int) -> Text? {
    guard let name = readName(message, at: &at), at == end else { return nil }
    return dotted(name)
}

private func dotted(_ name: Text) -> Text { name.bytes == [0x2e] ? name : "\(name)." }

/// A name in words, without the dot at its end; nil when it is malformed.
@inline(never)
private func readName(_ message: RawSpan, at offset: inout Int) -> Text? {
    var name = DNSName()
    guard name.parse(message, at: &offset) else { return nil }
    var text = Text()
    name.forEachCharacter { text.bytes.append($0) }
    if text.bytes.isEmpty { text.bytes.append(0x2e) }
    return text
}

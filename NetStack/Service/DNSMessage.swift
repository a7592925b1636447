// DNS messages as a stub resolver needs them (RFC 1035): a question out, addresses and aliases in.
//
// Promise: parsing reads nothing outside the message, ends, and believes only answers to the question that was asked.

/// Numbers of RFC 1035.
public enum DNSField {
    public static var headerCount: Int { 12 }
    public static var port: UInt16 { 53 }
    /// Types A, CNAME and SOA, class IN.
    static var typeA: UInt16 { 1 }
    static var typeCNAME: UInt16 { 5 }
    static var typeSOA: UInt16 { 6 }
    static var classIN: UInt16 { 1 }
    /// The longest message that comes by UDP without EDNS (RFC 1035, 4.2.1).
    public static var messageLimit: Int { 512 }
    /// The longest that is taken by TCP, where 65,535 bytes could come: a thousand addresses.
    public static var streamLimit: Int { 16_384 }
}

/// What an answer says.
public enum DNSVerdict: Equatable {
    /// There are addresses.
    case addresses
    /// It is known by another name; ask for that.
    case alias
    /// There is no such name (NXDOMAIN).
    case noName
    /// The name has no address (RFC 2308, 2.2: NODATA).
    case noAddress
    /// The answer did not fit; `addresses` are those that did.
    case truncated
    /// This server has no answer, or a malformed one.
    case failure
}

/// Addresses that a name has. At most eight are kept.
public struct AddressList: Equatable {
    public static var capacity: Int { 8 }
    private var bits = InlineArray<8, UInt32>(repeating: 0)
    public private(set) var count = 0

    public init() {}

    public subscript(index: Int) -> IPv4Address { index >= 0 && index < count ? IPv4Address(bits: bits[index]) : .any }

    mutating func append(_ address: IPv4Address) {
        guard count < Self.capacity else { return }
        bits[count] = address.bits
        count += 1
    }

    public static func == (left: AddressList, right: AddressList) -> Bool {
        guard left.count == right.count else { return false }
        for i in 0..<left.count where left.bits[i] != right.bits[i] { return false }
        return true
    }
}

public enum DNSMessage {
    /// Writes a question for a name's addresses: recursion desired. Returns its length; nil without the room.
    static func emitQuestion(
        _ name: borrowing DNSName, identifier: UInt16, to bytes: inout MutableRawSpan, at start: Int = 0
    ) -> Int? {
        let length = DNSField.headerCount + name.count + 4
        guard bytes.byteCount >= start + length else { return nil }
        bytes.setBE32(UInt32(identifier) << 16 | 0x0100, start)
        bytes.setBE32(0x0001_0000, start + 4)
        bytes.setBE32(0, start + 8)
        for i in 0..<name.count { bytes.setByte(name[i], start + DNSField.headerCount + i) }
        bytes.setBE16(DNSField.typeA, start + length - 4)
        bytes.setBE16(DNSField.classIN, start + length - 2)
        return length
    }

    /// Reads an answer.
    /// - Parameters:
    ///   - name: what was asked for; becomes the last alias on the way to the addresses.
    ///   - timeToLive: seconds, the least on that way, for which the verdict holds; 0 when nothing is said.
    /// - Returns: nil when it is no answer to this question.
    static func parseAnswer(
        _ message: RawSpan, identifier: UInt16, name: inout DNSName, addresses: inout AddressList,
        timeToLive: inout UInt32
    ) -> DNSVerdict? {
        guard message.byteCount >= DNSField.headerCount, message.be16(0) == identifier else { return nil }
        let flags = message.be16(2)
        // QR set, opcode 0, one question.
        guard flags & 0xf800 == 0x8000, message.be16(4) == 1 else { return nil }
        var offset = DNSField.headerCount
        var found = DNSName()
        guard found.parse(message, at: &offset), found == name, offset + 4 <= message.byteCount,
            message.be16(offset) == DNSField.typeA, message.be16(offset + 2) == DNSField.classIN
        else { return nil }
        offset += 4
        guard flags & 15 == 0 || flags & 15 == 3 else { return .failure }
        let isTruncated = flags & 0x0200 != 0
        let isDenied = flags & 15 == 3
        let records = offset
        // `owner` is the alias that was reached; `found` what the record at hand is about.
        var owner = DNSName()
        owner.copy(name)
        let count = Int(message.be16(6))
        addresses = AddressList()
        timeToLive = .max
        var isAlias = false
        // Aliases may stand before or behind what they point to: each step looks at all records.
        for _ in 0..<8 {
            var target: Range<Int>?
            offset = records
            for _ in 0..<count {
                guard found.parse(message, at: &offset), let record = Record(parsing: message, at: &offset) else {
                    return isTruncated ? .truncated : .failure
                }
                guard record.isIN, found == owner else { continue }
                if record.type == DNSField.typeA {
                    guard record.dataCount == 4 else { return .failure }
                    addresses.append(IPv4Address(bits: message.be32(record.dataOffset)))
                    timeToLive = min(timeToLive, record.timeToLive)
                } else if record.type == DNSField.typeCNAME {
                    target = record.dataOffset..<offset
                    timeToLive = min(timeToLive, record.timeToLive)
                }
            }
            if addresses.count > 0 {
                if isTruncated { return .truncated }
                name.copy(owner)
                return .addresses
            }
            guard let target else { break }
            var at = target.lowerBound
            guard owner.parse(message, at: &at), at == target.upperBound else { return .failure }
            isAlias = true
        }
        if isTruncated { return .truncated }
        if isAlias, !isDenied {
            name.copy(owner)
            return .alias
        }
        timeToLive = min(timeToLive, negativeLife(message, of: owner, at: offset))
        return isDenied ? .noName : .noAddress
    }

    /// Seconds for which it holds that there is nothing: as the authority section's SOA says (RFC 2308, 5); 0: not said.
    @inline(never)
    private static func negativeLife(_ message: RawSpan, of name: borrowing DNSName, at start: Int) -> UInt32 {
        var offset = start
        var zone = DNSName()
        for _ in 0..<Int(message.be16(8)) {
            guard zone.parse(message, at: &offset), let record = Record(parsing: message, at: &offset) else { return 0 }
            guard record.type == DNSField.typeSOA, record.isIN, name.ends(in: zone) else { continue }
            // Behind two names there are five words; the last one is the limit of negative answers.
            var at = record.dataOffset
            guard zone.parse(message, at: &at), zone.parse(message, at: &at), at + 20 == offset else { return 0 }
            return min(record.timeToLive, message.be32(offset - 4))
        }
        return 0
    }

    /// A resource record's head behind its owner's name (RFC 1035, 4.1.3).
    private struct Record {
        let type: UInt16
        let isIN: Bool
        let timeToLive: UInt32
        let dataOffset: Int
        let dataCount: Int

        init?(parsing message: RawSpan, at offset: inout Int) {
            let start = offset
            guard start + 10 <= message.byteCount else { return nil }
            let count = Int(message.be16(start + 8))
            guard start + 10 + count <= message.byteCount else { return nil }
            offset = start + 10 + count
            type = message.be16(start)
            isIN = message.be16(start + 2) == DNSField.classIN
            // The top bit set counts as 0 (RFC 2181, 8).
            let seconds = message.be32(start + 4)
            timeToLive = seconds >> 31 == 0 ? seconds : 0
            dataCount = count
            dataOffset = start + 10
        }
    }
}

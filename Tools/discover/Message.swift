// A DHCPDISCOVER as bytes, right or with one thing wrong.

/// What can be wrong with the first message of a home-made client.
enum Mistake: String, CaseIterable {
    case none
    case wrongChecksum = "wrong-checksum"
    case noChecksum = "no-checksum"
    case short
    case noCookie = "no-cookie"
    case noEnd = "no-end"
    case otherStation = "other-chaddr"
    case noType = "no-type"
    case broadcast = "broadcast-flag"
    case swapped = "swapped-xid"

    var meaning: String {
        switch self {
        case .none: "nothing is wrong; the broadcast flag is clear"
        case .wrongChecksum: "the UDP checksum is wrong"
        case .noChecksum: "the UDP checksum is 0: none (RFC 768 allows it)"
        case .short: "no padding: 244 bytes instead of the 300 of BOOTP"
        case .noCookie: "the magic cookie 63:82:53:63 is missing"
        case .noEnd: "the end option is missing"
        case .otherStation: "chaddr is not the frame's source address"
        case .noType: "option 53 is missing: a BOOTP request"
        case .broadcast: "the broadcast flag is set: the answer must go to all"
        case .swapped: "xid in the other byte order; servers copy it, a client that compares misses its answer"
        }
    }
}

struct Message {
    private let mistake: Mistake
    private let station: [UInt8] = [0x02, 0x5d, 0x15, 0xc0, 0x7e, 0x01]
    private let otherStation: [UInt8] = [0x02, 0x5d, 0x15, 0xc0, 0x7e, 0x02]
    private let transaction: UInt32 = .random(in: 1...UInt32.max)

    init(_ mistake: Mistake) { self.mistake = mistake }

    private static func word(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
    }
    private static func half(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 255), UInt8(value & 255)] }

    private var payload: [UInt8] {
        let xid = mistake == .swapped ? transaction.byteSwapped : transaction
        var bytes: [UInt8] = [1, 1, 6, 0] + Self.word(xid) + [0, 0] + (mistake == .broadcast ? [0x80, 0] : [0, 0])
        bytes += [UInt8](repeating: 0, count: 16)
        bytes += (mistake == .otherStation ? otherStation : station) + [UInt8](repeating: 0, count: 10 + 64 + 128)
        if mistake != .noCookie { bytes += [0x63, 0x82, 0x53, 0x63] }
        if mistake != .noType { bytes += [53, 1, 1] }
        if mistake != .noEnd { bytes += [255] }
        if mistake != .short { bytes += [UInt8](repeating: 0, count: max(0, 300 - bytes.count)) }
        return bytes
    }

    /// The Ethernet frame, from 0.0.0.0:68 to 255.255.255.255:67.
    var frame: [UInt8] {
        let payload = payload
        let length = 8 + payload.count
        var header: [UInt8] =
            [0x45, 0] + Self.half(20 + length) + [0, 1, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]
        header.replaceSubrange(10..<12, with: Self.half(~Self.sum(header) & 0xffff))
        var datagram = Self.half(68) + Self.half(67) + Self.half(length) + [0, 0] + payload
        var checksum = ~Self.sum([0, 0, 0, 0, 255, 255, 255, 255, 0, 17] + Self.half(length) + datagram) & 0xffff
        if checksum == 0 { checksum = 0xffff }
        switch mistake {
        case .wrongChecksum: datagram.replaceSubrange(6..<8, with: Self.half(checksum ^ 0x0101))
        case .noChecksum: break
        default: datagram.replaceSubrange(6..<8, with: Self.half(checksum))
        }
        return [UInt8](repeating: 255, count: 6) + station + [8, 0] + header + datagram
    }

    private static func sum(_ bytes: [UInt8]) -> Int {
        var sum = 0
        for i in stride(from: 0, to: bytes.count, by: 2) {
            sum += Int(bytes[i]) << 8 | (i + 1 < bytes.count ? Int(bytes[i + 1]) : 0)
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return sum
    }

    /// What a frame offers to this message's sender; nil when it is no offer, or for another station.
    func offer(in frame: [UInt8]) -> String? {
        guard frame.count >= 14 + 20 + 8 + 240, frame[12] == 8, frame[13] == 0, frame[23] == 17 else { return nil }
        let start = 14 + Int(frame[14] & 15) * 4
        guard frame.count >= start + 8 + 236, frame[start + 2] == 0, frame[start + 3] == 68, frame[start + 8] == 2
        else { return nil }
        let reply = Array(frame[(start + 8)...])
        let xid = Array(reply[4..<8])
        guard xid == Self.word(transaction) || xid == Self.word(transaction.byteSwapped) else { return nil }
        func address(_ at: Int) -> String { reply[at..<at + 4].map(String.init).joined(separator: ".") }
        let goesToAll = frame[0..<6].allSatisfy { $0 == 255 }
        let isMissed = xid != Self.word(transaction)
        return
            "offer of an address\(goesToAll ? ", to all" : ", to the station alone")\(isMissed ? ", with a foreign xid" : "")"
    }
}

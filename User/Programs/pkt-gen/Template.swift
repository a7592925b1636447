// The frame that is sent: a UDP datagram in an IPv4 packet, with right checksums.

import SystemInterface
import UserLibrary

struct Template {
    /// Ethernet, IPv4 and UDP.
    static var headerCount: Int { 42 }

    var source = SocketAddress(NetworkAddress(ipv4: 0x0a00_0001), port: 1234)
    var destination = SocketAddress(NetworkAddress(ipv4: 0x0a01_0001), port: 1234)
    /// The first byte lowest.
    var hardwareSource: UInt64 = 0
    var hardwareDestination: UInt64 = 0xffff_ffff_ffff

    var text: Text {
        "\(source) -> \(destination) (\(ethernetText(hardwareSource)) -> \(ethernetText(hardwareDestination)))"
    }

    /// A frame of so many bytes.
    func frame(_ length: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: length)
        for index in 0..<6 {
            bytes[index] = UInt8(truncatingIfNeeded: hardwareDestination >> UInt64(8 * index))
            bytes[6 + index] = UInt8(truncatingIfNeeded: hardwareSource >> UInt64(8 * index))
        }
        put(0x0800, 12, &bytes)
        put(0x4500, 14, &bytes)
        put(UInt16(length - 14), 16, &bytes)
        put(0x4011, 22, &bytes)  // time to live 64, UDP
        put(source, 26, 34, &bytes)
        put(destination, 30, 36, &bytes)
        put(UInt16(length - 34), 38, &bytes)
        let payload: StaticString = "pkt-gen of Swiftlet "
        let letters = CString(payload)
        for index in Self.headerCount..<length { bytes[index] = letters[(index - Self.headerCount) % letters.count] }
        put(~Self.sum(bytes, 14..<34, 0), 24, &bytes)
        // The pseudo-header: addresses, protocol and length (RFC 768).
        let sum = ~Self.sum(bytes, 26..<length, 17 + UInt32(length - 34))
        put(sum == 0 ? 0xffff : sum, 40, &bytes)
        return bytes
    }

    private func put(_ value: UInt16, _ place: Int, _ bytes: inout [UInt8]) {
        (bytes[place], bytes[place + 1]) = (UInt8(value >> 8), UInt8(value & 255))
    }

    private func put(_ end: SocketAddress, _ address: Int, _ port: Int, _ bytes: inout [UInt8]) {
        let bits = end.address.ipv4 ?? 0
        put(UInt16(truncatingIfNeeded: bits >> 16), address, &bytes)
        put(UInt16(truncatingIfNeeded: bits), address + 2, &bytes)
        put(end.port, port, &bytes)
    }

    /// RFC 1071.
    private static func sum(_ bytes: [UInt8], _ range: Range<Int>, _ start: UInt32) -> UInt16 {
        var sum = start
        for index in range { sum += UInt32(bytes[index]) << ((index - range.lowerBound) & 1 == 0 ? 8 : 0) }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return UInt16(sum)
    }
}

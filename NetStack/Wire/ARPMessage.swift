// The ARP message for IPv4 over Ethernet (RFC 826), 28 bytes.

public struct ARPMessage: Equatable {
    public static var byteCount: Int { 28 }

    public enum Operation: UInt16, Sendable {
        case request = 1
        case reply = 2
    }

    public var operation: Operation
    public var senderHardware: EthernetAddress
    public var senderProtocol: IPv4Address
    public var targetHardware: EthernetAddress
    public var targetProtocol: IPv4Address

    public init(
        operation: Operation, senderHardware: EthernetAddress, senderProtocol: IPv4Address,
        targetHardware: EthernetAddress, targetProtocol: IPv4Address
    ) {
        self.operation = operation
        self.senderHardware = senderHardware
        self.senderProtocol = senderProtocol
        self.targetHardware = targetHardware
        self.targetProtocol = targetProtocol
    }

    /// nil when it is short, not Ethernet (1) and IPv4 with lengths 6 and 4, or neither request nor reply.
    public init?(parsing bytes: RawSpan) {
        guard bytes.byteCount >= 28,
            bytes.be32(0) == 0x0001_0800, bytes.be16(4) == 0x0604,
            let operation = Operation(rawValue: bytes.be16(6))
        else { return nil }
        self.operation = operation
        senderHardware = EthernetAddress(bytes, at: 8)
        senderProtocol = IPv4Address(bits: bytes.be32(14))
        targetHardware = EthernetAddress(bytes, at: 18)
        targetProtocol = IPv4Address(bits: bytes.be32(24))
    }

    /// Writes 28 bytes at the front of `bytes`, which must have the room.
    public func emit(to bytes: inout MutableRawSpan) {
        bytes.setBE32(0x0001_0800, 0)
        bytes.setBE16(0x0604, 4)
        bytes.setBE16(operation.rawValue, 6)
        bytes.setNative32(UInt32(truncatingIfNeeded: senderHardware.bits), 8)
        bytes.setNative16(UInt16(truncatingIfNeeded: senderHardware.bits >> 32), 12)
        bytes.setBE32(senderProtocol.bits, 14)
        bytes.setNative32(UInt32(truncatingIfNeeded: targetHardware.bits), 18)
        bytes.setNative16(UInt16(truncatingIfNeeded: targetHardware.bits >> 32), 22)
        bytes.setBE32(targetProtocol.bits, 24)
    }
}

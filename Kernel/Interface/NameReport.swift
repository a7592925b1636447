// What the resolve system call fills in.

/// The addresses of a name. 392 bytes.
public struct NameReport: Sendable, BitwiseCopyable {
    public private(set) var count: UInt8 = 0
    /// Bytes of the canonical name.
    public private(set) var nameCount: UInt8 = 0
    var reserved: UInt16 = 0
    /// Seconds for which the answer holds.
    public var timeToLive: UInt32 = 0
    var addresses = [8 of NetworkAddress](repeating: .none)
    /// The name that the addresses belong to, another than was asked for when that is an alias; no dot at the end.
    var name = [256 of UInt8](repeating: 0)

    public init() {}

    /// Address `index`, 0 up to `count`.
    public func address(_ index: Int) -> NetworkAddress { index >= 0 && index < 8 ? addresses[index] : .none }

    public mutating func addAddress(_ address: NetworkAddress) {
        guard count < 8 else { return }
        addresses[Int(count)] = address
        count += 1
    }

    /// Byte `index`, 0 up to `nameCount`, of the name.
    public func nameByte(_ index: Int) -> UInt8 { index >= 0 && index < 256 ? name[index] : 0 }

    public mutating func addNameByte(_ byte: UInt8) {
        guard nameCount < 255 else { return }
        name[Int(nameCount)] = byte
        nameCount += 1
    }
}

// What the resolve system call tells.

/// The addresses of a name. 37 words.
public struct NameReport: Sendable, BitwiseCopyable {
    /// Addresses in bits 0–7, bytes of the canonical name in 8–15, seconds for which the answer holds in 32–63.
    private var summary: UInt64 = 0
    /// Two addresses a word, host order, the first one low.
    private var addresses = [4 of UInt64](repeating: 0)
    /// The name that the addresses belong to, another than was asked for when that is an alias; no dot at the end.
    private var name = [32 of UInt64](repeating: 0)

    public init() {}

    public var count: Int { min(8, Int(summary & 0xff)) }
    public var nameCount: Int { Int(summary >> 8 & 0xff) }
    public var timeToLive: UInt32 {
        get { UInt32(truncatingIfNeeded: summary >> 32) }
        set { summary = summary & 0xffff_ffff | UInt64(newValue) << 32 }
    }

    /// Address `index`, 0 up to `count`.
    public func address(_ index: Int) -> UInt32 {
        index >= 0 && index < 8 ? UInt32(truncatingIfNeeded: addresses[index / 2] >> UInt64(index % 2 * 32)) : 0
    }

    public mutating func addAddress(_ address: UInt32) {
        let index = count
        guard index < 8 else { return }
        addresses[index / 2] |= UInt64(address) << UInt64(index % 2 * 32)
        summary += 1
    }

    /// Byte `index`, 0 up to `nameCount`, of the name.
    public func nameByte(_ index: Int) -> UInt8 {
        index >= 0 && index < 256 ? UInt8(truncatingIfNeeded: name[index / 8] >> UInt64(index % 8 * 8)) : 0
    }

    public mutating func addNameByte(_ byte: UInt8) {
        let index = nameCount
        guard index < 255 else { return }
        name[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        summary += 1 << 8
    }
}

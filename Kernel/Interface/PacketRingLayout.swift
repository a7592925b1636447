// Packet rings: what the kernel and a program share while the program holds a network card, or one end of a pipe of
// packets. The idea and the words are netmap's.
//
// A region of pages: a header, a page of slots for each of four rings, and buffers of 2,048 bytes. A slot names a
// buffer and says how many bytes of a frame are in it. The program has the slots from a ring's `head` up to its `tail`,
// the kernel all others. The program fills the slots of a transmit ring, or empties those of a receive ring, and moves
// `head` behind them; the kernel moves `tail`. Both only go forward, round and round. The program may exchange the
// buffers of slots that it has. A second region may have slots alone, which name buffers of the first: then that is true
// of the slots of both.

/// The rings of a region, by number.
public enum PacketRingNumber: Int, Sendable, CaseIterable {
    /// Frames that the card sends, or the other end of the pipe receives.
    case transmit = 0
    /// Frames that came.
    case receive = 1
    /// Frames that this machine's own stack is to take as if they had come from the card.
    case hostTransmit = 2
    /// Frames that this machine's own stack sends.
    case hostReceive = 3
}

/// Where everything lies in a region, in bytes.
public enum PacketRingLayout {
    /// Pages of a region at most.
    public static let mostPages = 512
    /// Slots of a ring: so many at least, where there are any, and at most.
    public static let fewestSlots = 2
    public static let mostSlots = 512
    public static let bufferSize = 2048
    /// The header's page, and one for each ring's slots.
    public static let pagesBeforeBuffers = 5
    /// All buffers of a region.
    public static let mostBuffers = 2 * (mostPages - pagesBeforeBuffers)

    /// Of a ring's part of the header, which begins at 64 times its number: the first slot that is the program's, which
    /// the program writes; the first that is not, which the kernel writes; how many there are; 32 bits each. Then, 64
    /// bits each, frames that went through; frames for which there was no room; and frames that were left out because
    /// their slot named no buffer, or a length that no frame has.
    public static let ringBytes = 64
    public static let head = 0
    public static let tail = 4
    public static let count = 8
    public static let frames = 16
    public static let dropped = 24
    public static let refused = 32

    /// Where the slots of a ring begin, 8 bytes each: PacketSlot.
    public static func slots(_ ring: Int) -> Int { Limit.pageSize * (1 + ring) }
    /// Where the buffers begin, one behind the other. The slots of all rings have the first ones at the start, in the
    /// rings' order; those that the program asked for beside them come last.
    public static let buffers = Limit.pageSize * pagesBeforeBuffers
}

/// A slot of a ring: one 64-bit word, little-endian.
public struct PacketSlot: Equatable, Sendable, BitwiseCopyable {
    /// Bits 0 to 31: the buffer's number. Bits 32 to 47: bytes of the frame in it, from its Ethernet header on. The rest
    /// is 0.
    public var rawValue: UInt64

    @inlinable
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    @inlinable
    public init(buffer: Int, length: Int) {
        rawValue = UInt64(UInt32(truncatingIfNeeded: buffer)) | UInt64(UInt16(truncatingIfNeeded: length)) << 32
    }

    @inlinable
    public var buffer: Int { Int(rawValue & 0xffff_ffff) }
    @inlinable
    public var length: Int { Int(rawValue >> 32 & 0xffff) }
}

/// What rings_open is asked for, and what it fills in. 64 bytes.
public struct PacketRingsRequest: Sendable, Equatable, BitwiseCopyable {
    /// Up to 16 bytes, the first one lowest, zeros behind: an interface's name, or "pipe:" and a name of the pipe's.
    public var name0: UInt64 = 0
    public var name8: UInt64 = 0
    /// Slots of the rings: 2 to 512 each, the host rings' together with 0 for none; a pipe has no host rings.
    public var transmitSlots: UInt32 = 256
    public var receiveSlots: UInt32 = 256
    public var hostSlots: UInt32 = 64
    /// Buffers that no slot has at the start; none of a region that names another's.
    public var extraBuffers: UInt32 = 0
    /// Filled in: where the region is, and its bytes.
    public var address: UInt64 = 0
    public var byteCount: UInt64 = 0
    /// Filled in: the card's Ethernet address, the first byte lowest; of a pipe's end 0.
    public var hardware: UInt64 = 0
    /// Filled in: bytes of a frame at most, its Ethernet header included.
    public var frameLimit: UInt16 = 0
    /// 0: the region has buffers of its own. Otherwise a descriptor of the process's, plus 1, for rings whose buffers
    /// these slots are to name; the region then ends where its own would begin.
    public var buffersOf: UInt16 = 0
    /// Filled in: the interface's number; 255 for a pipe.
    public var interface: UInt16 = 0
    /// Of the other rings' buffers, the first that a slot has at the start: the others follow, as many as there are slots.
    public var firstBuffer: UInt16 = 0

    public init() {}

    /// Buffers of the region, or of the other one's that its slots have at the start.
    public var bufferCount: Int {
        Int(clamping: UInt64(transmitSlots) + UInt64(receiveSlots) + 2 * UInt64(hostSlots) + UInt64(extraBuffers))
    }

    /// Pages of the region, its header included.
    public var pageCount: Int { PacketRingLayout.pagesBeforeBuffers + (buffersOf == 0 ? (bufferCount + 1) / 2 : 0) }

    /// Slots of a ring.
    public func slots(_ ring: PacketRingNumber) -> Int {
        switch ring {
        case .transmit: Int(transmitSlots)
        case .receive: Int(receiveSlots)
        case .hostTransmit, .hostReceive: Int(hostSlots)
        }
    }

    /// Whether all sizes are within their bounds.
    public var isValid: Bool {
        let sizes = UInt32(PacketRingLayout.fewestSlots)...UInt32(PacketRingLayout.mostSlots)
        return sizes.contains(transmitSlots) && sizes.contains(receiveSlots)
            && (hostSlots == 0 || sizes.contains(hostSlots)) && bufferCount <= PacketRingLayout.mostBuffers
            && (buffersOf == 0 ? firstBuffer == 0 : extraBuffers == 0)
    }

    /// "pipe:" in front of the name.
    public var isPipe: Bool { name0 & 0xff_ffff_ffff == 0x3a_6570_6970 }
}

/// What rings_sync looks at.
public struct PacketRingSync: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Takes what is in the transmit rings.
    public static let transmit = PacketRingSync(rawValue: 1)
    /// Takes back what was read of the receive rings.
    public static let receive = PacketRingSync(rawValue: 2)
}

// What the boot arguments (QEMU's -append) say: the grammar of all of them.
//
//   ip=10.0.2.15/24           the first card's address; 24 bits of network if not given
//   gateway=10.0.2.2          its router
//   nameserver=10.0.2.3,9.9.9.9   up to three, instead of those of leases
//   ne0=isa:0x300,33          an ISA card at port 0x300 that interrupts source 33; without a source the kernel finds it
//                             out
//   isa=00:05.0@0x300         the ports of PCI function 00:05.0 are placed at 0x300, and the function is left to the ISA
//                             attachment
//   vt-without=csum,mtu       features that virtio-net does not negotiate
//   shm=1                     which of the two machines that share a memory this is, 1 or 2
//   stack=2                   pages of the stack of programs that are not of this system, 1 to 9
//   measure=card              the call loop_device works, which sends frames for a benchmark
//   run=program,argument      for /init
//
// A word that is malformed, unknown, or given twice has no effect, and is noted so that the kernel can say so.

/// An ISA card that the boot arguments name.
public struct ISAHint: Equatable, Sendable {
    public let port: UInt16
    /// nil: to be found out.
    public let source: UInt32?
}

/// The address of the first card, in host order.
public struct BootAddress: Equatable, Sendable {
    public let bits: UInt32
    /// 1 to 32.
    public let prefixLength: Int
}

public struct BootOptions {
    public private(set) var address: BootAddress?
    /// In host order; on the address's network, unless that is the address alone.
    public private(set) var gateway: UInt32?
    private var servers = InlineArray<3, UInt32>(repeating: 0)
    public private(set) var nameServerCount = 0
    public private(set) var plainStackPages: Int?
    public private(set) var allowsMeasuring = false
    /// Which of the two machines that share a memory this is, 1 or 2; 0: not said.
    public private(set) var sharedSide: UInt8 = 0
    public private(set) var placements = ISAPlacements()
    private var hints = InlineArray<4, UInt64>(repeating: 0)
    public private(set) var hintCount = 0
    public private(set) var withoutFeatures: UInt64 = 0
    /// Bit i: word number i has no effect. Words beyond 63 have none.
    public private(set) var refused: UInt64 = 0

    /// Name server number `index`, 0 up to `nameServerCount`, in host order.
    public func nameServer(_ index: Int) -> UInt32 { index >= 0 && index < nameServerCount ? servers[index] : 0 }

    /// Hint number `index`, 0 up to `hintCount`.
    public func hint(_ index: Int) -> ISAHint? {
        guard index >= 0, index < hintCount else { return nil }
        let source = UInt32(truncatingIfNeeded: hints[index] >> 32)
        return ISAHint(port: UInt16(truncatingIfNeeded: hints[index]), source: source == 0 ? nil : source)
    }

    @inline(never)
    public init(_ arguments: DeviceTreeBytes?) {
        guard let arguments else { return }
        // The address first: the router's is compared with it, wherever it stands.
        for pass in 0..<2 {
            var number: UInt64 = 0
            arguments.forEachWord { word in
                let isAddress = word.hasPrefix("ip=")
                if number < 64, isAddress == (pass == 0), !take(word) { refused |= 1 << number }
                number += 1
            }
        }
    }

    /// How a word that was refused should have looked.
    public static func syntax(of word: DeviceTreeBytes) -> StaticString {
        if word.hasPrefix("ip=") { return "ip= takes the address of one host, such as 10.0.2.15/24" }
        if word.hasPrefix("gateway=") { return "gateway= takes another host's address on the network of ip=" }
        if word.hasPrefix("nameserver=") { return "nameserver= takes one to three addresses with commas between" }
        if word.hasPrefix("shm=") { return "shm= takes 1 or 2" }
        if word.hasPrefix("stack=") { return "stack= takes a number of pages from 1 to 9" }
        if word.hasPrefix("measure=") { return "measure= takes card" }
        if word.hasPrefix("isa=") { return "isa= takes a function and a port, such as 00:05.0@0x300" }
        if word.hasPrefix("vt-without=") { return "vt-without= takes names of features with commas between" }
        if word.hasPrefix("ne") { return "ne0= takes a port, such as isa:0x300 or isa:0x300,33" }
        return "known are ip= gateway= nameserver= ne0= isa= vt-without= shm= stack= measure= run="
    }

    /// False for a word that has no effect.
    private mutating func take(_ word: DeviceTreeBytes) -> Bool {
        var text = OptionText(word)
        if text.skip("run=") { return !text.isAtEnd }
        if text.skip("ip=") { return takeAddress(&text) }
        if text.skip("gateway=") { return takeGateway(&text) }
        if text.skip("nameserver=") { return takeNameServers(&text) }
        if text.skip("isa=") { return takePlacement(&text) }
        if text.skip("vt-without=") { return takeFeatures(&text) }
        if text.skip("measure=card") {
            allowsMeasuring = true
            return text.isAtEnd
        }
        if text.skip("shm=") {
            guard sharedSide == 0, let side = text.number(base: 10, below: 3), side > 0, text.isAtEnd else {
                return false
            }
            sharedSide = UInt8(side)
            return true
        }
        if text.skip("stack=") {
            guard let pages = text.number(base: 10, below: 10), pages > 0, text.isAtEnd else { return false }
            plainStackPages = Int(pages)
            return true
        }
        if text.skip("ne"), text.number(base: 10, below: 10) != nil, text.skip("=isa:0x") { return takeHint(&text) }
        return false
    }

    private mutating func takeAddress(_ text: inout OptionText) -> Bool {
        guard address == nil, let bits = text.hostAddress() else { return false }
        var prefixLength: UInt64 = 24
        if text.skip("/") {
            guard let given = text.number(base: 10, below: 33), given > 0 else { return false }
            prefixLength = given
        }
        let hostBits = UInt32.max >> UInt32(prefixLength)
        let host = bits & hostBits
        guard text.isAtEnd, prefixLength > 30 || (host != 0 && host != hostBits) else { return false }
        address = BootAddress(bits: bits, prefixLength: Int(prefixLength))
        return true
    }

    private mutating func takeGateway(_ text: inout OptionText) -> Bool {
        guard gateway == nil, let address, let router = text.hostAddress(), text.isAtEnd, router != address.bits else {
            return false
        }
        let hostBits = UInt32.max >> UInt32(address.prefixLength)
        guard address.prefixLength == 32 || (router ^ address.bits) & ~hostBits == 0 else { return false }
        gateway = router
        return true
    }

    private mutating func takeNameServers(_ text: inout OptionText) -> Bool {
        guard nameServerCount == 0 else { return false }
        var count = 0
        repeat {
            guard count < 3, let server = text.hostAddress() else { return false }
            servers[count] = server
            count += 1
        } while text.skip(",")
        guard text.isAtEnd else { return false }
        nameServerCount = count
        return true
    }

    private mutating func takePlacement(_ text: inout OptionText) -> Bool {
        guard let bus = text.number(base: 16, below: 256), text.skip(":"),
            let device = text.number(base: 16, below: 32), text.skip("."),
            let function = text.number(base: 16, below: 8), text.skip("@0x"),
            let port = text.number(base: 16, below: 65_505),
            text.isAtEnd
        else { return false }
        return placements.add(
            PCIAddress(bus: UInt8(bus), device: UInt8(device), function: UInt8(function)), port: UInt16(port))
    }

    private mutating func takeHint(_ text: inout OptionText) -> Bool {
        guard let port = text.number(base: 16, below: 65_505), port != 0, hintCount < 4 else { return false }
        var source: UInt64 = 0
        if text.skip(",") {
            guard let number = text.number(base: 10, below: 1024), number != 0 else { return false }
            source = number
        }
        guard text.isAtEnd else { return false }
        hints[hintCount] = source << 32 | port
        hintCount += 1
        return true
    }

    private mutating func takeFeatures(_ text: inout OptionText) -> Bool {
        var features: UInt64 = 0
        repeat {
            guard let name = text.word(), let bits = VirtIOFeatureName.bits(name) else { return false }
            features |= bits
        } while text.skip(",")
        withoutFeatures |= features
        return text.isAtEnd
    }
}

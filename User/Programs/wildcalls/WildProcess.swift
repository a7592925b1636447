// One wild process: calls with arguments that are right, almost right, or not at all. What it must not do: power the
// machine off, kill other processes, leave its directory, read from the console, send beyond the machine's network.

import SystemInterface
import UserLibrary

struct WildProcess {
    private static let names: [StaticString] = [
        "w0", "w1", "w2", "w3", "w4", "w5/w6", "w5", "w5/../w7", ".", "./w8", "w1/w2", "", "w2345678901234567", "w9//",
        "..",
    ]
    private static let places: [StaticString] = ["w5", ".", "w1", "missing", ""]
    private static let wild: [UInt] = [
        0, 1, 8, 4095, 4096, 0x8000_0000, 0x3f_ffff_dfff, 0x3f_ffff_e000, 0x3f_ffff_ffff, 0x40_0000_0000, 1 << 63, .max,
        .max - 7,
        0xffff_ffc0_0000_0000, 0xffff_ffc0_8020_0000, 0xffff_ffe0_0000_4000, 0x7fff_ffff, 0xffff_ffff,
        0x8000_0000_0000_0001,
    ]
    private static let memorySize = 5 * 4096

    private var random: Random
    /// Where its own memory begins.
    private var memory: UInt = 0
    private var lastChild: UInt = 0
    /// Its packet rings, if it got any, and where their region is.
    private var rings: (descriptor: FileDescriptor, region: UInt)?
    /// Forks of forks of forks end at once.
    private var generation = 0

    /// An end of a pipe of packets, for which it takes a right that it then gives up.
    private mutating func openRings() {
        var request = PacketRingsRequest()
        request.name0 = 0x773a_6570_6970  // "pipe:w"
        (request.transmitSlots, request.receiveSlots) = (UInt32(random.below(20)), UInt32(random.below(20)))
        request.extraBuffers = UInt32(random.below(20))
        do throws(SystemError) {
            rings = (try System.openRings(&request), UInt(request.address))
            // Others whose slots name its buffers, or beyond them.
            request.extraBuffers = 0
            request.buffersOf = UInt16(random.below(3))
            request.firstBuffer = UInt16(random.below(40))
            rings = (try System.openRings(&request), UInt(request.address))
        } catch {}
    }

    /// Makes calls until it is killed.
    static func live(_ seed: UInt64) -> Never {
        var process = WildProcess(random: Random(seed))
        process.live()
    }

    private mutating func live() -> Never {
        do throws(SystemError) {
            try System.changeDirectory(WildCalls.directory)
            memory = try System.moveBreak(by: Int32(Self.memorySize))
            for descriptor: Int32 in 0...2 { try System.close(FileDescriptor(descriptor)) }
            openRings()
            System.restrict()
        } catch {
            System.exit(1)
        }
        while true { act() }
    }

    private mutating func act() {
        let number = SystemCallNumber(rawValue: UInt64(random.below(2) == 0 ? random.below(22) : 64 + random.below(42)))
        guard let number, number != .halt else {
            // Seldom: each is a line on the console.
            if random.below(200) == 0 {
                _ = System.raw(random.next() | 1 << 40, argument(), argument(), argument(), argument())
            }
            return
        }
        if let rings, random.below(3) == 0 { scribble(rings.region) }
        if number == .exit, random.below(30) > 0 { return }
        let (a, b, c, d) = arguments(of: number)
        let result = System.raw(number.rawValue, a, b, c, d)
        if number == .fork {
            if result.value == 0 {
                generation += 1
                rings = nil
                random = Random(random.next() &+ 1)
                if generation > 3 || random.below(3) == 0 { System.exit(Int32(truncatingIfNeeded: random.next())) }
            } else if result.value > 0 {
                lastChild = UInt(result.value)
            }
        }
    }

    private mutating func arguments(of number: SystemCallNumber) -> (UInt, UInt, UInt, UInt) {
        switch number {
        case .kill: (target(), argument(), 0, 0)
        case .sleep: ([0, 1, 2, .max, 0x8000_0000, 0xffff_ffff_0000_0001][random.below(6)], argument(), 0, 0)
        case .nanosleep: ([0, 1, 1000, 3_000_000, 50_000_000][random.below(5)], argument(), 0, 0)
        case .sbrk: (growth(), [1, 2, argument()][random.below(3)], 0, 0)
        case .chdir: (random.below(3) == 0 ? unmapped() : text(Self.places), argument(), 0, 0)
        case .open:
            (path(), random.below(2) == 0 ? argument() : [0, 1, 2, 0x200, 0x202, 0x601, 0x402][random.below(7)], 0, 0)
        case .unlink, .mkdir: (path(), argument(), 0, 0)
        case .link: (path(), path(), argument(), 0)
        case .mknod: (path(), UInt(random.below(1000)) + 2, argument(), 0)  // not the console
        case .exec: (path(), random.below(2) == 0 ? vector() : argument(), 0, 0)
        case .read, .write:
            (
                descriptor(), random.below(4) == 0 ? argument() : pointer(),
                random.below(3) == 0 ? argument() : UInt(random.below(9000)), 0
            )
        case .close: (random.below(3) == 0 ? argument() : descriptor(), 0, 0, 0)
        case .dup, .fstat: (descriptor(), random.below(2) == 0 ? argument() : pointer(), 0, 0)
        case .pipe, .wait, .resources: (random.below(2) == 0 ? argument() : pointer(), 0, 0, 0)
        case .ping: (socketAddress(), argument() & 0xffff, UInt(random.below(30)), argument())
        // the lease is not given up
        case .dhcpRequest:
            (UInt(random.below(3)), UInt(random.below(30)), random.below(2) == 0 ? argument() : pointer(), 0)
        case .setGroup: (random.below(2) == 0 ? 0 : target(), argument(), 0, 0)
        case .bind: (descriptor(), random.below(2) == 0 ? argument() : socketAddress(), 0, 0)
        case .connect: (descriptor(), socketAddress(), 0, 0)
        case .sendto:
            (
                descriptor(), pointer(), random.below(3) == 0 ? argument() : UInt(random.below(3000)),
                random.below(2) == 0 ? 0 : socketAddress()
            )
        case .recvfrom:
            (
                descriptor(), random.below(2) == 0 ? argument() : pointer(), argument(),
                random.below(2) == 0 ? 0 : pointer()
            )
        case .ringsSync: (rings.map { UInt($0.descriptor.rawValue) } ?? descriptor(), UInt(random.below(5)), 0, 0)
        case .ringsOpen: (random.below(2) == 0 ? argument() : pointer(), 0, 0, 0)
        // its own directory; and the disk's blocks cannot be written without the right
        case .rename: (path(), path(), 0, 0)
        case .fsync: (descriptor(), 0, 0, 0)
        case .accept: (descriptor(), random.below(2) == 0 ? 0 : pointer(), 0, 0)
        case .waitChild: (target(), random.below(2) == 0 ? argument() : pointer(), UInt(random.below(2)), 0)
        case .setsockopt: (descriptor(), UInt(random.below(4)), UInt(random.below(30)), 0)
        case .getsockname, .getpeername: (descriptor(), random.below(2) == 0 ? argument() : pointer(), 0, 0)
        case .poll: (pointer(), random.below(2) == 0 ? argument() : UInt(random.below(17)), UInt(random.below(30)), 0)
        default: (argument(), argument(), argument(), argument())
        }
    }

    /// Heads and slots that are right, nearly so, or anything. The region may be gone: then the process ends here.
    private mutating func scribble(_ region: UInt) {
        let place = random.below(2) == 0 ? 64 * random.below(2) : 4096 * (1 + random.below(2)) + 8 * random.below(20)
        guard let word = unsafe UnsafeMutablePointer<UInt32>(bitPattern: region + UInt(place)) else { return }
        // in its own region, or nowhere
        unsafe word.pointee =
            random.below(4) == 0 ? UInt32(truncatingIfNeeded: random.next()) : UInt32(random.below(20))
        unsafe word[1] = place < 4096 ? word[1] : UInt32(random.below(2100))
    }

    /// A record with an address of this machine, or of one that is not there: nothing goes beyond the machine's own
    /// network.
    private mutating func socketAddress() -> UInt {
        let address: UInt32 = [0x7f00_0001, 0x0a00_020f, 0x0a00_02c8, 0][random.below(4)]
        unsafe Self.record = SocketAddress(  // a program has one thread
            random.below(8) == 0 ? .none : NetworkAddress(ipv4: address),
            port: UInt16(random.below(8) == 0 ? random.below(65536) : 5000 + random.below(4)),
            scope: UInt32(random.below(3)))
        return unsafe withAddress(of: &Self.record) { $0 }  // a program has one thread
    }

    nonisolated(unsafe) private static var record = SocketAddress.none  // a program has one thread
    /// Anything.
    private mutating func argument() -> UInt {
        switch random.below(7) {
        case 0: UInt(random.below(20))
        case 1: Self.wild[random.below(Self.wild.count)]
        case 2: UInt(random.next())
        case 3: pointer()
        case 4: Self.wild[random.below(Self.wild.count)] &+ UInt(random.below(64)) &- 32
        case 5: UInt(random.next() & 0x3f_ffff_ffff)
        default: vector()
        }
    }

    /// Into its own memory, perhaps across the end.
    private mutating func pointer() -> UInt {
        random.below(4) == 0
            ? memory + UInt(Self.memorySize) - UInt(random.below(200)) : memory + UInt(random.below(Self.memorySize))
    }

    private mutating func unmapped() -> UInt { Self.wild[5 + random.below(Self.wild.count - 5)] }
    private mutating func descriptor() -> UInt { UInt(random.below(17)) }
    private mutating func text(_ choices: [StaticString]) -> UInt {
        CString(choices[random.below(choices.count)]).address
    }

    /// A name in its own directory; seldom something else, which names nothing outside of it either.
    private mutating func path() -> UInt { random.below(8) == 0 ? unmapped() : text(Self.names) }

    /// Itself, its child, or no process.
    private mutating func target() -> UInt {
        switch random.below(8) {
        case 0: UInt(System.pid)
        case 1, 2: lastChild
        case 3: 1
        default: [0, .max, 0x8000_0000, 0x7fff_ffff, 0xffff_ff00][random.below(5)]
        }
    }

    private mutating func growth() -> UInt {
        switch random.below(5) {
        case 0: UInt(random.below(300_000))
        case 1: UInt(bitPattern: -random.below(9000))
        case 2: [0x7fff_ffff, 0x8000_0000, 1 << 32, 0x7fff_f000][random.below(4)]
        default: UInt(random.below(5000))
        }
    }

    /// An argument array in its own memory, with good and bad pointers.
    private mutating func vector() -> UInt {
        let place = memory + UInt(random.below(Self.memorySize - 300)) & ~7
        // In this process's memory; if that has been given up, the process ends here, as wild ones may.
        guard let words = unsafe UnsafeMutablePointer<UInt>(bitPattern: place) else { return 0 }
        let count = random.below(34)
        for index in 0..<count {
            unsafe words[index] = random.below(6) == 0 ? Self.wild[random.below(Self.wild.count)] : text(Self.names)
        }
        unsafe words[count] = 0
        return place
    }
}

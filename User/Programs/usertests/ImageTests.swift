// What exec makes of ELF files, good and bad, and what code may not do.

import SystemInterface
import UserLibrary

enum ImageTests {
    static var all: [Test] {
        [
            Test("elfgood", good), Test("elfrights", rights), Test("elfbad", bad), Test("elfhuge", huge),
            Test("elfshort", short),
            Test("privileged", privileged), Test("counters", counters),
        ]
    }

    private static func finish() { remove("image") }

    static func good() {
        ProgramImage().run(11, "a small program at 0")
        ProgramImage(at: 0x1_0000).run(11, "a program that begins at 64 KiB")
        ProgramImage(at: 0x1000, entry: 0x1004, [0] + Code.exit(12)).run(12, "an entry that is not the start")
        var image = ProgramImage(at: 0, Code.exit(13))
        image.segments[0].offset = 300
        image.codeOffset = 300
        image.run(13, "a segment that is not page-aligned in the file")
        image = ProgramImage(at: 0, Code.exit(14))
        image.segments.insert(
            Segment(type: 0x6474_e551, flags: 6, offset: .max, address: .max, fileSize: .max, memorySize: .max), at: 0)
        image.segments.append(Segment(type: 4, flags: 4, offset: 1 << 60, address: 7, fileSize: 9, memorySize: 3))
        image.run(14, "segments of other types are ignored")
        image = ProgramImage(at: 0, Code.exit(15))
        image.segments.append(Segment(flags: 6, offset: 4096, address: 0x3000, fileSize: 0, memorySize: 0))
        image.run(15, "an empty segment")
        // lui a1, 2; ld a0, 8(a1) of memory beyond the file's bytes: zero.
        image = ProgramImage(at: 0, [0x0000_25b7, 0x0085_b503] + Code.exit)
        image.segments.append(Segment(flags: 6, offset: 4096, address: 0x2000, fileSize: 8, memorySize: 0x3000))
        image.run(0, "memory beyond the file's bytes is zeroed")
        // Stack: a store above and below sp within its page; argc in a0.
        image = ProgramImage(at: 0, [0xfe11_3c23] + Code.exit)  // sd ra, -8(sp)
        image.run(1, "argc is 1 and the stack can be written")
        finish()
    }

    static func rights() {
        func data(_ flags: UInt32, _ code: [UInt32]) -> ProgramImage {
            var image = ProgramImage(at: 0, [0x0000_25b7] + code + Code.exit(5))  // lui a1, 2
            image.segments.append(Segment(flags: flags, offset: 4096, address: 0x2000, fileSize: 16, memorySize: 16))
            return image
        }
        let load: [UInt32] = [0x0005_b503]  // ld a0, 0(a1)
        let store: [UInt32] = [0x00a5_b023]  // sd a0, 0(a1)
        let jump: [UInt32] = [0x0005_8067]  // jr a1
        for flags: UInt32 in 0..<8 {
            round = UInt(flags)
            data(flags, load).run(5, "a load from a segment with such flags")
            data(flags, store).run(flags & 2 != 0 ? 5 : -1, "a store to a segment with such flags")
            // What is there is the exit.
            var image = data(flags, jump)
            image.segments[1].offset = UInt64(image.codeOffset) + 8
            image.segments[1].fileSize = 12
            image.run(flags & 1 != 0 ? 5 : -1, "a jump into a segment with such flags")
        }
        finish()
    }

    static func bad() {
        var image = ProgramImage()
        image.magic = 0x464c_457e
        image.isRefused("a wrong magic number")
        image = ProgramImage()
        image.segments[0].address = 0x10
        image.isRefused("an address that is not page-aligned")
        image = ProgramImage()
        image.segments.append(Segment(flags: 6, offset: 4096, address: 0, fileSize: 16, memorySize: 16))
        image.isRefused("a segment over another")
        image = ProgramImage()
        image.segments[0].fileSize = 100
        image.segments[0].memorySize = 99
        image.isRefused("more bytes in the file than in memory")
        image = ProgramImage()
        image.segments[0].fileSize = 0x1_0000
        image.segments[0].memorySize = 0x1_0000
        image.isRefused("a segment that the file does not hold")
        for address: UInt64 in [0x3f_ffff_e000, 0x40_0000_0000, 1 << 63, 0xffff_ffc0_8020_0000, 0xffff_ffff_ffff_f000] {
            round = UInt(address)
            image = ProgramImage()
            image.segments[0].address = address
            image.segments[0].memorySize = 0x2000
            image.isRefused("a segment outside user memory")
        }
        round = nil
        image = ProgramImage()
        image.segments[0].address = 0x1000
        image.segments[0].memorySize = .max - 0x800
        image.isRefused("an end that wraps")
        for offset: UInt64 in [.max, 1 << 63, 1 << 40, 0x7fff_ffff_ffff_ffff, .max - 55, 5000] {
            round = UInt(offset)
            image = ProgramImage()
            image.tableOffset = offset
            image.isRefused("program headers outside the file")
            image = ProgramImage()
            image.segments[0].offset = offset == 5000 ? 1 << 33 : offset
            image.isRefused("a segment outside the file")
        }
        round = nil
        image = ProgramImage()
        image.tableCount = 65535
        image.isRefused("more program headers than the file holds")
        finish()
    }

    /// Segments that need more memory than there is.
    static func huge() {
        for size: UInt64 in [1 << 30, 1 << 37, 0x3f_ffff_0000] {
            round = UInt(size)
            var image = ProgramImage()
            image.segments[0].memorySize = size
            image.isRefused("a segment larger than memory", .noMemory)
            image = ProgramImage()
            image.segments[0].address = size
            image.isRefused("a segment behind a gap larger than memory", .noMemory)
        }
        round = nil
        finish()
    }

    /// Files cut at every length up to the end of the header, and some beyond.
    static func short() {
        for length in Array(0...64) + [65, 119, 120, 121, 4095, 4096, 4097, 4107] {
            round = UInt(length)
            var image = ProgramImage()
            image.length = length
            image.isRefused("a file that is cut")
        }
        round = nil
        var image = ProgramImage()
        image.segments = []
        image.write()
        inChild(-1, "a program without segments") {
            call(.exec, at("image"), 0x3f_ffff_0000).fails(nil, "exec with a bad argv")
            exec(at("image"), with: at("image")).succeeds("exec")
        }
        finish()
    }

    /// Instructions that user mode must not execute, or that make no sense.
    static func privileged() {
        let codes: [UInt32] = [
            0x1000_2573,  // csrr a0, sstatus
            0x1800_2573,  // csrr a0, satp
            0x1400_1073,  // csrw sscratch, zero
            0x1020_0073,  // sret
            0x3020_0073,  // mret
            0x1200_0073,  // sfence.vma
            0x0010_0073,  // ebreak
            0x0000_0000, 0xffff_ffff,
            0x0002_a007,  // a floating-point load: the unit is off
            0xc000_1073,  // csrw cycle, zero
            0x3000_2573,  // csrr a0, mstatus
        ]
        for code in codes {
            round = UInt(code)
            ProgramImage([code] + Code.exit(0)).run(-1, "an instruction that is not for user mode")
        }
        round = nil
        for entry: UInt64 in [0x3f_ffff_e000, 0x5000, 0xffff_ffc0_8020_0000, 1 << 63, .max - 1] {
            round = UInt(entry)
            ProgramImage(at: 0, entry: entry).run(-1, "an entry outside the program")
        }
        finish()
    }

    /// User mode may read cycle, time and instret.
    static func counters() {
        for code: UInt32 in [0xc000_2573, 0xc010_2573, 0xc020_2573] {
            ProgramImage([code] + Code.exit(3)).run(3, "a counter is read")
        }
        finish()
    }
}

extension ProgramImage {
    init(_ code: [UInt32]) { self.init(at: 0, code) }
}

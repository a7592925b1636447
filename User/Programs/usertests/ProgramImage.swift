// ELF files made by hand, to see what exec makes of them.

import SystemInterface
import UserLibrary

/// A program header (System V ABI, chapter 5).
struct Segment {
    var type: UInt32 = 1
    /// 1 executable, 2 writable, 4 readable.
    var flags: UInt32 = 5
    var offset: UInt64 = 4096
    var address: UInt64 = 0
    var fileSize: UInt64 = 0
    var memorySize: UInt64 = 0
}

/// Instructions that tests are made of.
enum Code {
    /// exit(a0).
    static let exit: [UInt32] = [0x0020_0893, 0x0000_0073]  // li a7, 2; ecall
    /// a0 = a number from -2048 to 2047.
    static func load(_ value: Int) -> UInt32 { UInt32(truncatingIfNeeded: value) << 20 | 0x513 }  // li a0, value
    static func exit(_ status: Int) -> [UInt32] { [load(status)] + exit }
    /// Calls dup(0) until that fails; the status is how often it did not.
    static let countDescriptors: [UInt32] =
        [
            0x0000_0413,  // li s0, 0
            0x00a0_0893, load(0), 0x0000_0073,  // 1: li a7, 10; li a0, 0; ecall
            0x0005_4663,  // bltz a0, 2f
            0x0014_0413, 0xfedf_f06f,  // addi s0, s0, 1; j 1b
            0x0004_0513,  // 2: mv a0, s0
        ] + exit
}

/// A file in the making: 64 bytes of header, the program headers, and what else is put into it.
struct ProgramImage {
    var magic: UInt32 = 0x464c_457f
    var entry: UInt64 = 0
    var tableOffset: UInt64 = 64
    var tableCount: UInt16?
    var segments: [Segment] = []
    /// What the file has from byte `codeOffset` on.
    var code: [UInt32] = Code.exit(11)
    var codeOffset = 4096
    /// Where the file is cut; nil: after the code.
    var length: Int?

    /// One segment with the code, at an address.
    init(at address: UInt64 = 0, entry: UInt64? = nil, _ code: [UInt32] = Code.exit(11)) {
        self.code = code
        self.entry = entry ?? address
        segments = [Segment(address: address, fileSize: UInt64(code.count * 4), memorySize: UInt64(code.count * 4))]
    }

    /// Writes the file "image".
    func write() {
        let bytes = memory(4 * page)
        bytes.of(UInt32.self)[0] = magic
        (bytes + 24).of(UInt64.self)[0] = entry
        (bytes + 32).of(UInt64.self)[0] = tableOffset
        (bytes + 56).of(UInt16.self)[0] = tableCount ?? UInt16(segments.count)
        for (index, segment) in segments.enumerated() {
            let header = bytes + 64 + index * 56
            header.of(UInt32.self)[0] = segment.type
            (header + 4).of(UInt32.self)[0] = segment.flags
            (header + 8).of(UInt64.self)[0] = segment.offset
            (header + 16).of(UInt64.self)[0] = segment.address
            (header + 32).of(UInt64.self)[0] = segment.fileSize
            (header + 40).of(UInt64.self)[0] = segment.memorySize
        }
        for (index, word) in code.enumerated() { (bytes + codeOffset + index * 4).of(UInt32.self)[0] = word }
        let count = length ?? codeOffset + code.count * 4
        let file = open("image", 0x601)
        call(.write, file, at(bytes), UInt(count)).gives(count, "writing a program")
        close(file)
    }

    /// Writes the file and executes it in a child, which must end with this status.
    func run(_ wanted: Int, _ what: StaticString) {
        inChild(wanted, what) {
            write()
            exec(at("image"), with: at("image")).succeeds(what)
        }
    }

    /// Writes the file; exec must fail and change nothing.
    func isRefused(_ what: StaticString, _ error: SystemError = .badExecutable) {
        inChild(0, what) {
            write()
            let before = resourcesBefore()
            exec(at("image"), with: at("image")).fails(error, what)
            expect(Int(resources().freePages), Int(before.freePages), "free pages after an exec that failed")
        }
    }
}

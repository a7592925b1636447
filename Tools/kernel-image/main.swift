// kernel-image IN OUT: finishes the linked kernel.
//
// 1. The guard: fails, and names the callers, if the image holds what the kernel must not have: reference counting and
//    a heap (Documentation/Design.md, "No reference counting in the kernel"), or lazy initialisation of globals, which
//    could deadlock in a trap.
// 2. Fails, and names the function, if a frame could reach over the hole below a kernel stack: the overflow would write
//    over a neighbour's stack instead of trapping.
// 3. Writes the tables that backtraces are made with into the image: where each function's frame has which size, and
//    the functions' names (Kernel/Trap/Backtrace.swift reads them and says how they are laid out).
// 4. Gives functions their source's names in what debuggers read (DebuggerNames.swift).

import ELF
import Foundation

let forbidden: Set<String> = [
    "swift_retain", "swift_release", "swift_allocObject", "swift_once", "swift_beginAccess",
    "malloc", "posix_memalign", "aligned_alloc", "free",
]

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("kernel-image: \(message)\n".utf8))
    exit(1)
}

let arguments = CommandLine.arguments.dropFirst()
if arguments.contains("--help") {
    print(
        """
        usage: kernel-image LINKED-KERNEL OUTPUT
        Checks that the kernel holds no reference counting and no heap, and no frame that could reach over the hole below
        a kernel stack; writes the tables for backtraces into it, and saves it as OUTPUT. Exit status 0 when the image is good.
        """)
    exit(0)
}
guard arguments.count == 2 else { fail("usage: kernel-image LINKED-KERNEL OUTPUT (--help says more)") }
let (input, output) = (arguments.first!, arguments.last!)
guard var image = FileManager.default.contents(atPath: input) else { fail("\(input): cannot be read") }

let elf: ELFImage
do { elf = try ELFImage(image) } catch { fail("\(input): \(error)") }

// The guard.
let present = elf.symbols.filter { forbidden.contains($0.name) && $0.isDefined }
if !present.isEmpty {
    var report = "the kernel must do without these:\n"
    for symbol in present {
        let callers = Set(elf.references(to: symbol.address).compactMap { elf.function(at: $0)?.name }).sorted()
        report += "  \(symbol.name), pulled in by:\n"
        report += demangle(callers).map { "    \($0)\n" }.joined()
    }
    fail(report + "Classes, Array, String, escaping closures and globals with computed initial values do this.")
}

// The frames. Below one of them a trap's registers may follow.
let trapRoom = 512
guard let hole = elf.address(of: "kernel_guard_hole") else {
    fail("\(input): kernel_guard_hole is missing: not linked with Linker/kernel.ld?")
}
do {
    let large = try elf.functions(withFramesAbove: Int(hole) - trapRoom)
    if !large.isEmpty {
        let names = demangle(large.map(\.function.name))
        fail(
            "frames too large for the hole below a kernel stack (\(hole) bytes, \(trapRoom) of them for a trap):\n"
                + zip(names, large).map { "  \($0): \($1.size) bytes\n" }.joined()
                + "Large values on the stack do this: pass them inout, or keep them in a table.")
    }
} catch { fail("\(input): \(error)") }

// The tables.
guard let start = elf.address(of: "kernel_start"), let textEnd = elf.address(of: "kernel_text_end"),
    let tableStart = elf.address(of: "kernel_symbols"), let tableEnd = elf.address(of: "kernel_symbols_end"),
    let fileOffset = elf.fileOffset(of: tableStart)
else { fail("\(input): kernel_start, kernel_text_end or kernel_symbols is missing: not linked with Linker/kernel.ld?") }

let functions = elf.functions.filter { $0.address >= start && $0.address < textEnd }
let names = demangle(functions.map(\.name)).map { $0.utf8.prefix(100) }
let frames: [UInt32]
do {
    frames = try elf.callFrames().filter { $0.address >= start && $0.address <= textEnd }.map(frameWord)
} catch { fail("\(input): \(error)") }

var table = Data()
@MainActor func append(_ value: UInt32) {
    table.append(contentsOf: (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) })
}
append(UInt32(functions.count))
append(UInt32(frames.count))
var nameOffset = 8 + 8 * functions.count + 4 * frames.count
for (function, name) in zip(functions, names) {
    append(UInt32(function.address - start))
    append(UInt32(nameOffset))
    nameOffset += name.count + 1
}
for frame in frames { append(frame) }
for name in names {
    table.append(contentsOf: name)
    table.append(0)
}
guard table.count <= Int(tableEnd - tableStart) else {
    fail(
        "the tables need \(table.count) bytes, Linker/kernel.ld keeps \(tableEnd - tableStart) for them: enlarge kernel_symbols there"
    )
}
image.replaceSubrange(fileOffset..<fileOffset + table.count, with: table)
nameFunctionsForDebuggers(&image, elf)
do {
    try image.write(to: URL(fileURLWithPath: output), options: .atomic)
} catch {
    fail("\(output): \(error.localizedDescription)")
}

/// A row of call frames as one word.
@MainActor func frameWord(_ row: CallFrameRow) -> UInt32 {
    let place = UInt32(row.address - start) / 2
    guard let size = row.size else { return 0x1fff << 19 | place }
    guard place < 1 << 18, size % 16 == 0, size / 16 < 0x1fff, row.returnAddressOffset ?? -8 == -8 else {
        fail("\(input): the frame at 0x\(String(row.address, radix: 16)) has a shape that the table cannot describe")
    }
    return UInt32(size / 16) << 19 | (row.returnAddressOffset == nil ? 0 : 1 << 18) | place
}

/// Swift's names as people write them, through the toolchain's swift-demangle.
func demangle(_ names: [String]) -> [String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["swift", "demangle", "--simplified"]
    let (toTool, fromTool) = (Pipe(), Pipe())
    process.standardInput = toTool
    process.standardOutput = fromTool
    guard (try? process.run()) != nil else { return names }
    DispatchQueue.global().async {
        toTool.fileHandleForWriting.write(Data((names.joined(separator: "\n") + "\n").utf8))
        toTool.fileHandleForWriting.closeFile()
    }
    let text = String(decoding: fromTool.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    return lines.count >= names.count ? Array(lines.prefix(names.count)) : names
}

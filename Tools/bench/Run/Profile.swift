// Where an operation's instructions go, by function. QEMU logs every instruction it executes (-d exec with one
// instruction a translation block) into a pipe; only what lies between the last two readings of the kernel's counters,
// which is the measured stretch, is counted. That is exact, needs nothing but QEMU, and takes half a minute, most of it
// for the boot.

import BenchReport
import ELF
import Foundation

struct Profile {
    private let operation: String
    private let setting: Setting
    private let image: ELFImage
    private let marker: UInt64

    init(_ operation: String, card: String) throws {
        self.operation = operation
        setting = Setting(profiling: operation, card: card)
        guard let data = FileManager.default.contents(atPath: Machine.kernel) else {
            throw BenchError("\(Machine.kernel) is missing")
        }
        image = try ELFImage(data)
        guard
            let counters = image.symbols.first(where: {
                $0.isFunction && $0.name.contains("StatusCalls") && $0.name.contains("counters")
            })
        else {
            throw BenchError("the kernel has no function that reads the counters")
        }
        marker = counters.address
    }

    func run(listing: String?) throws {
        let fifo = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(getpid())-log").path
        // The string's own bytes.
        guard unsafe mkfifo(fifo, 0o600) == 0 else { throw BenchError("\(fifo): no pipe can be made there") }
        defer { _ = unsafe unlink(fifo) }  // the string's own bytes
        let counts = InstructionLog(path: fifo, marker: marker)
        let single = try Self.hasAcceleratorOption() ? "-accel tcg,one-insn-per-tb=on" : "-singlestep"
        let results = try Machine.measure(
            [operation], setting, flags: "\(single) -d exec,nochain -D \(fifo)", seconds: 600)
        let histogram = counts.end()
        let total = histogram.values.reduce(0, +)
        guard total > 0 else { throw BenchError("\(operation): nothing was counted") }
        if let listing { return list(listing, histogram) }
        for name in results.names { print("\(name): \(results[name]!)") }
        print("\n\(total) instructions in the measured stretch; for one operation:\n")
        show(histogram, total: total, each: results.names.first.flatMap { results[$0] } ?? total)
    }

    /// QEMU 8.1 made -singlestep an option of the accelerator.
    private static func hasAcceleratorOption() throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["qemu-system-riscv64", "--version"]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let numbers = text.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        return numbers.count == 2 && (numbers[0], numbers[1]) >= (8, 1)
    }

    private func function(at address: UInt64) -> String {
        if address < 1 << 31 { return "(user mode)" }
        if address < 1 << 38 { return "(firmware)" }
        return image.function(at: address)?.name ?? "?"
    }

    private func show(_ histogram: [UInt64: Int], total: Int, each: Int) {
        var byFunction: [String: Int] = [:]
        for (address, count) in histogram { byFunction[function(at: address), default: 0] += count }
        let order = byFunction.sorted { ($0.value, $1.key) > ($1.value, $0.key) }
        let names = demangled(order.map(\.key))
        for (name, (_, count)) in zip(names, order) where count * 500 >= total {
            let one = Double(count) / Double(total) * Double(each)
            let number = String(format: "%10.1f %5.1f%%  ", one, Double(count) * 100 / Double(total))
            print(number + name)
        }
    }

    /// How often each instruction of the functions whose names contain `part` was executed.
    private func list(_ part: String, _ histogram: [UInt64: Int]) {
        for address in histogram.keys.sorted() where function(at: address).contains(part) {
            print(String(address, radix: 16), histogram[address]!)
        }
    }
}

/// Swift's names as people write them, through the toolchain's swift-demangle.
func demangled(_ names: [String]) -> [String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["swift", "demangle", "--simplified"]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    guard (try? process.run()) != nil else { return names }
    let text = Data((names.joined(separator: "\n") + "\n").utf8)
    DispatchQueue.global().async {
        input.fileHandleForWriting.write(text)
        try? input.fileHandleForWriting.close()
    }
    let lines = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).split(
        separator: "\n"
    ).map(String.init)
    process.waitUntilExit()
    return lines.count == names.count ? lines : names
}

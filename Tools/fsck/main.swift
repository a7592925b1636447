// fsck: checks disk images, says what is wrong with them, and with -y repairs them.

import DiskImage
import FileSystem
import Foundation

let usage = """
    usage: fsck [-qy] IMAGE...

    Checks xv6 file systems: superblock, log, inodes, blocks, bitmap, directories and link counts. What mounting puts right by
    itself (a log to bring home, inodes without links) is mentioned, and is no error. Changes nothing without -y.
      -y       repair: wrong counts, blocks and entries; what no directory has gets a name in /lost+found
      -q       say nothing of images without errors
      --help   this text
    Exit status, as fsck(8): 0 no errors, 1 errors that were repaired, 4 errors, 8 an image could not be read or is in use, 16 wrong usage.
    """

func fail(_ message: String) { FileHandle.standardError.write(Data("fsck: \(message)\n".utf8)) }

func check(_ path: String, quiet: Bool, repairs: Bool) -> Int32 {
    let disk: FileDisk
    do {
        disk = try FileDisk(path, writable: repairs, durable: repairs)
    } catch {
        fail("\(error)")
        return 8
    }
    do {
        var found = 0
        func show(_ problem: DiskProblem) {
            if !problem.isNote { found += 1 }
            if quiet, problem.isNote { return }
            let inode = problem.inode == 0 ? "" : "inode \(problem.inode): "
            let block = problem.block == 0 ? "" : "block \(problem.block): "
            print("\(path): \(problem.isNote ? "note: " : "")\(inode)\(block)\(problem.message)")
        }
        let platform = HostPlatform(disk)
        let summary =
            repairs ? try DiskRepair.run(platform, report: show) : try DiskCheck.run(platform, report: show)
        if !quiet || summary.problems > 0 {
            print(
                "\(path): \(summary.files) files, \(summary.directories) directories, \(summary.devices) devices, "
                    + "\(summary.blocksInUse) of \(disk.blockCount) blocks in use; "
                    + (summary.problems == 0 ? "clean" : "\(summary.problems) errors"))
        }
        return summary.problems > 0 ? 4 : found > 0 ? 1 : 0
    } catch {
        fail("\(path): \(error.message)")
        return 8
    }
}

var quiet = false
var repairs = false
var images: [String] = []
for argument in CommandLine.arguments.dropFirst() {
    switch argument {
    case "-q": quiet = true
    case "-y": repairs = true
    case "-qy", "-yq": (quiet, repairs) = (true, true)
    case "-h", "--help":
        print(usage)
        exit(0)
    case _ where argument.hasPrefix("-"):
        fail("unknown option \(argument)\n\(usage)")
        exit(16)
    default: images.append(argument)
    }
}
guard !images.isEmpty else {
    fail("which image?\n\(usage)")
    exit(16)
}
exit(images.reduce(0) { $0 | check($1, quiet: quiet, repairs: repairs) })

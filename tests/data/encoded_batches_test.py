"""Batches of images in files: cut while decoded, in threads, and broken."""

import errno
import os
import pickle
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from keras_lt import data
from keras_lt import samplers
from keras_lt.data import transforms
from keras_lt.data._reading import divided
from tests.data.image_folder import write_image

COUNT = 12
LABELS = np.arange(COUNT) % 3


@pytest.fixture
def files(tmp_path):
    for row in range(COUNT):
        write_image(tmp_path / f"{row}.png", 20 * row, (10 + row, 12))
    names = [f"{row}.png" for row in range(COUNT)]
    return data.ImageFiles(names, (8, 8), tmp_path)


def all_of(batches):
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def in_order(files, **options):
    options = {"batch_size": 5, "sampler": samplers.InOrder(), **options}
    return data.Batches((files, LABELS), **options)


class Cut(transforms.Crop):
    """Notes the sizes of the images that it cuts."""

    random = False

    def __init__(self):
        self.seen = []

    def box(self, height, width, aspect_ratio, numbers):
        self.seen.append((height, width))
        return 1, 2, height - 1, width - 2


def test_crop_is_made_from_the_image_as_stored(files):
    cut = Cut()
    images, labels = all_of(in_order(files, transform=cut))
    assert sorted(cut.seen) == [(10 + row, 12) for row in range(COUNT)]
    assert images.shape == (COUNT, 8, 8, 3)
    assert images[:, 3, 3, 0].tolist() == [20 * row for row in range(COUNT)]
    np.testing.assert_array_equal(labels, LABELS)


def test_part_is_the_right_one(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), "uint8")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    files = data.ImageFiles(["a.png"], (39, 58), tmp_path)
    np.testing.assert_array_equal(
        files.read(np.array([0]), Cut())[0], pixels[1:, 2:]
    )


@pytest.mark.parametrize("turned", [1, 6])
def test_large_jpeg_is_decoded_at_a_fraction(tmp_path, turned):
    blocks = np.random.default_rng(0).integers(0, 256, (6, 8, 1), "uint8")
    pixels = blocks.repeat(80, 0).repeat(80, 1).repeat(3, 2)
    exif = Image.Exif()
    exif[0x0112] = turned
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95, exif=exif)
    upright = np.rot90(pixels, -1) if turned == 6 else pixels
    files = data.ImageFiles(["a.jpg"], (40, 40), tmp_path)
    crop = transforms.CenterCrop()
    found = files.read(np.array([0]), crop)[0].astype(float)
    top, left, height, width = crop.box(*upright.shape[:2], 1.0)
    part = Image.fromarray(upright[top : top + height, left : left + width])
    want = np.asarray(part.resize((40, 40), Image.Resampling.BOX), float)
    assert want.std() > 30
    assert np.corrcoef(found.ravel(), want.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_large_image_is_averaged(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024), "uint8")
    Image.fromarray(noise).save(tmp_path / f"a.{suffix}", quality=95)
    files = data.ImageFiles([f"a.{suffix}"], (32, 32), tmp_path)
    found = files.read(np.array([0]), transforms.CenterCrop(1.0))
    # The mean of 1024 pixels, of a standard deviation of 74 each.
    assert found.std() < 5
    assert found.mean() == pytest.approx(127.5, abs=1)


def test_threads_do_not_change_batches(files):
    files.num_threads = 1
    transform = transforms.imagenet()
    one = all_of(in_order(files, transform=transform, num_threads=0, seed=3))
    other = data.ImageFiles(files.paths, (8, 8), files.root, num_threads=5)
    many = all_of(in_order(other, transform=transform, num_threads=3, seed=3))
    np.testing.assert_array_equal(one[0], many[0])
    different = all_of(in_order(other, transform=transform, seed=4))
    assert np.abs(one[0] - different[0]).max() > 0
    assert one[0].dtype == np.float32


def test_every_image_has_numbers_of_its_own(tmp_path):
    write_image(tmp_path / "a.png", 100)
    files = data.ImageFiles(["a.png"] * COUNT, (8, 8), tmp_path)
    transform = transforms.ColorJitter(brightness=0.9)
    batches = in_order(files, transform=transform, batch_size=COUNT)
    values = [batches[0][0][:, 0, 0, 0].tolist()]
    batches.set_epoch(1)
    values.append(batches[0][0][:, 0, 0, 0].tolist())
    assert len(set(values[0] + values[1])) > 1.5 * COUNT


def test_mixing_gets_whole_batches(files):
    mixup = transforms.Mixup(num_classes=3)
    recipe = transforms.Compose([transforms.imagenet(), mixup])
    crop, each, rest = divided(recipe)
    assert isinstance(crop, transforms.RandomResizedCrop)
    assert len(each.transforms) == 3
    assert rest.transforms == [mixup]
    seen = []

    def note(images, labels, generator):
        seen.append(len(images))
        return images, labels

    all_of(in_order(files, transform=transforms.Compose([Cut(), note])))
    assert sorted(seen) == [2, 5, 5]  # A plain function may need all of them.
    assert divided(recipe.transforms[0])[2] is None
    images, labels = all_of(in_order(files, transform=recipe))
    assert labels.shape == (COUNT, 3)


def test_no_step_draws_the_numbers_of_another(files):
    drawn = []

    class Drawing(transforms.Transform):
        def __call__(self, images, labels, generator):
            drawn.append(generator.random())
            return images, labels

    class DrawingCrop(Cut):
        random, num_numbers = True, 1

        def box(self, height, width, aspect_ratio, numbers):
            drawn.append(numbers.item())
            return 0, 0, height, width

    class Mixing(Drawing):
        whole_batches = True

    steps = transforms.Compose([DrawingCrop(), Drawing(), Mixing()])
    all_of(in_order(files, transform=steps, batch_size=COUNT))
    # Each image, each part of eight, and the whole batch.
    assert len(drawn) == len(set(drawn)) == COUNT + 2 + 1


def test_labels_that_change_are_put_together(files):
    class Soft(transforms.Transform):
        def __call__(self, images, labels, generator):
            return images, np.eye(3, dtype="float32")[labels] * 0.5

    _, labels = all_of(in_order(files, transform=Soft()))
    np.testing.assert_array_equal(labels.argmax(-1), LABELS)
    assert labels.max() == 0.5


def test_nan_of_a_transform_is_found(files):
    class Spoil(transforms.Transform):
        def __call__(self, images, labels, generator):
            images = images.astype("float32")
            images[labels == 1] = np.nan
            return images, labels

    with pytest.raises(ValueError, match="first at row 1 of the examples"):
        in_order(files, transform=Spoil(), num_threads=0)[0]


def spoil(files, row, kind="cut"):
    path = f"{files.root}/{files.paths[row]}"
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(content[: len(content) // 2] if kind == "cut" else b"text")


def remove(files, row):
    os.unlink(f"{files.root}/{files.paths[row]}")


def test_broken_image_stops_and_is_named(files):
    spoil(files, 4)
    with pytest.raises(data.BrokenImagesError, match="4.png.*to `Batches`"):
        all_of(in_order(files, transform=Cut()))
    remove(files, 5)
    with pytest.raises(ValueError, match="must exist.*5.png.*to `Batches`"):
        in_order(files)[1]


def test_all_broken_images_of_a_batch_are_counted(files):
    for row in (1, 3, 4):
        spoil(files, row)
    with pytest.raises(data.BrokenImagesError, match="2 more in the") as error:
        files[:6]
    assert sorted(error.value.messages) == [1, 3, 4]


@pytest.mark.parametrize("threads", [0, 2])
def test_broken_images_are_replaced_by_the_next_of_their_class(files, threads):
    spoil(files, 4)
    spoil(files, 7, "text")
    remove(files, 11)
    batches = in_order(
        files,
        num_threads=threads,
        broken_images="replace",
        extras={"row": np.arange(COUNT)},
    )
    with pytest.warns(UserWarning, match="Row .* is replaced by another one"):
        images, targets = zip(*batches, strict=True)
    values = np.concatenate(images)[:, 3, 3, 0] // 20
    rows = np.concatenate([target["row"] for target in targets])
    labels = np.concatenate([target["label"] for target in targets])
    # Row 4 is of class 1, whose next row, 7, is broken as well; 11 is the last
    # of class 2, whose first is 2.
    assert rows.tolist() == [0, 1, 2, 3, 10, 5, 6, 10, 8, 9, 10, 2]
    np.testing.assert_array_equal(values, rows)
    np.testing.assert_array_equal(labels, LABELS)
    assert sorted(batches.broken) == [4, 7, 11]
    assert "7.png" in batches.broken[7]
    with pytest.warns(UserWarning, match="3 of 12 rows cannot be read"):
        batches.report_broken()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batches.report_broken()  # Nothing new.


def test_replacement_gets_the_numbers_of_its_place(files):
    """The other images of a batch are as if nothing had been broken."""
    transform = transforms.imagenet()
    whole, _ = all_of(in_order(files, transform=transform))
    spoil(files, 4)
    batches = in_order(files, transform=transform, broken_images="replace")
    with pytest.warns(UserWarning, match="Row 4"):
        mended, _ = all_of(batches)
    others = np.arange(COUNT) != 4
    np.testing.assert_array_equal(mended[others], whole[others])
    again, _ = all_of(batches)
    np.testing.assert_array_equal(again, mended)


def test_class_without_any_image_left(files):
    for row in (1, 4, 7, 10):
        spoil(files, row)
    batches = in_order(files, num_threads=0, broken_images="replace")
    with (
        pytest.warns(UserWarning, match="is replaced"),
        pytest.raises(ValueError, match="class 1, none of whose 4 images"),
    ):
        all_of(batches)


def test_machine_without_files_left_is_no_broken_image(files, monkeypatch):
    def no_more(*arguments):
        raise OSError(errno.EMFILE, "Too many open files")

    for owner, name in ((Image, "open"), (data.ImageFiles, "encoded")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, no_more)
            patch.setattr(data.ImageFiles, "name", lambda *arguments: "'0.png'")
            batches = in_order(files, num_threads=0, broken_images="replace")
            with pytest.raises(OSError, match="Too many open") as caught:
                batches[0]
        assert batches.broken == {}
        assert caught.value.__notes__ == ["While reading '0.png'."]


def test_wrong_choice(files):
    with pytest.raises(ValueError, match="`broken_images` must be one of"):
        in_order(files, broken_images="skip")


class InMemory(data.EncodedImages):
    def __init__(self, contents):
        super().__init__((8, 8))
        self.contents = contents

    def __len__(self):
        return len(self.contents)

    def encoded(self, row):
        return self.contents[row]

    def name(self, row):
        return f"content {row}"

    def take(self, rows):
        return InMemory([self.contents[row] for row in rows])


@pytest.mark.parametrize("rows", [[3], list(range(COUNT))])
def test_transform_may_read_images_itself(files, rows):
    """In the thread that it runs in, which would wait for itself."""

    class Background(transforms.Transform):
        def __call__(self, images, labels, generator):
            assert not files.broken()
            return images // 2 + files[rows].max() // 2, labels

    files.num_threads = 1
    ends = []

    def make():
        ends.append(in_order(files, transform=Background(), num_threads=0)[0])

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    thread.join(timeout=60)
    ((images, _),) = ends
    assert images[:, 3, 3, 0].tolist() == [
        10 * row + 10 * rows[-1] for row in range(5)
    ]


def test_source_of_ones_own(files):
    contents = []
    for name in files.paths:
        with open(f"{files.root}/{name}", "rb") as file:
            contents.append(file.read())
    images = InMemory(contents)
    np.testing.assert_array_equal(images[:], files[:])
    part = data.Examples(images, LABELS).take([3, 1])
    assert isinstance(part.x, InMemory)
    np.testing.assert_array_equal(part.x[:], files[[3, 1]])
    copied = pickle.loads(pickle.dumps(images))
    np.testing.assert_array_equal(copied[-1], files[-1])
    contents[2] = b"text"
    with pytest.raises(ValueError, match="Received: content 2: "):
        images[[1, 2]]
    del contents[5:]
    contents.append(None)
    images.encoded = lambda row: contents[row] or open("/no/such/archive")
    with pytest.raises(ValueError, match="content 5: FileNotFoundError: .*to"):
        images[[5]]
    with pytest.raises(IndexError, match="6 images. Received: 12"):
        images[[12]]

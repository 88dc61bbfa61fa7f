// One picture from the camera, as a JPEG file.

const QUALITY = 0.9;
const dialog = document.getElementById("camera");

export const canPhotograph = () => Boolean(navigator.mediaDevices?.getUserMedia && window.HTMLDialogElement);

function taken(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) =>
    canvas.toBlob((blob) => resolve(blob && new File([blob], "photo.jpg", { type: "image/jpeg" })), "image/jpeg", QUALITY),
  );
}

/** Show what the camera sees until it is taken; null if nothing is. */
export async function photograph() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  const video = dialog.querySelector("video");
  const ended = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  try {
    video.srcObject = stream;
    dialog.returnValue = "";
    dialog.showModal();
    await video.play();
    await ended;
    return dialog.returnValue === "take" && video.videoWidth ? await taken(video) : null;
  } finally {
    if (dialog.open) dialog.close();
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  }
}
